/**
 * Consensus for one group: a log that several nodes agree on, after Ongaro & Ousterhout, "In Search of an
 * Understandable Consensus Algorithm" (2014), cited as §, and Ongaro's thesis, "Consensus: Bridging Theory and
 * Practice" (2014). `s12` is the number of a scenario in `docs/scenarios.md`; tests carry it in their names.
 *
 * # How it works, in the code's own names
 *
 * A `Raft` is one replica, a state machine driven by inputs: `tick` (time passes), `step` (a message arrived), calls of
 * its owner (`propose`, `readIndex`, `transferLeadership`, …) and `persisted` (a write is durable). All its output is one
 * `Ready`: messages, a `Write`, committed entries, confirmed reads. It uses no clock, timer, promise, randomness or I/O
 * of its own; so the simulator runs the very code that a node runs, and a failure repeats from its seed.
 *
 * Elections. A replica starts as `Follower` without a leader. Without a message from a leader for a random time in
 * [T, 2T) it becomes `pre-candidate` and asks every voter whether it could win; that changes no durable state, so a node
 * that is cut off does not disturb the others when it comes back (s18). With a quorum of pre-votes it becomes `candidate`:
 * term + 1, its vote for itself, both durable before any request is sent. With a quorum of votes it becomes `Leader` and
 * begins its term with a no-op entry, through which everything of earlier terms commits (s40). A message of a higher term
 * makes any replica a follower; that is decided in one place, `terms.ts`, before any role sees the message.
 *
 * Replication. For each other member the leader keeps a `Progress`: `probe` until it knows where the logs match, then
 * `replicate`, where appends are pipelined up to a bounded number; `snapshot` when the entries needed are compacted away.
 * A refused append carries a hint where to probe next, so that each side skips a whole term at a time (s30). Appends are
 * built when `ready` is called: everything proposed until then shares them. Losses are detected by heartbeats: the answer
 * carries how far the follower's log is known to match, which should cover what was sent two heartbeats ago (s36).
 *
 * Durability. `Ready.messages` are sent at once and do not depend on the disk. `Write.messages` (votes, acknowledgements)
 * wait for it. Several writes may be in progress; they complete in order. `Log` tracks the index that each write makes
 * durable, and lowers it when the log is truncated, so that a late completion never counts for a newer entry (s33). The
 * leader's own entry counts only when its own disk has it (s34), so it may write while its followers do.
 *
 * Disk stalls. A leader whose disk lacks, for an election timeout, what a quorum has transfers its leadership, or steps
 * down after another one; a replica whose write has been in progress for that long does not campaign. Followers with such
 * disks stay followers.
 *
 * Commit. A leader commits the highest index that a quorum holds durably, if that index is of its own term (s38, s39).
 * Followers get the commit index with the next append or, when there is none, with the next tick's heartbeat. Committed
 * entries are delivered once they are durable on the replica itself.
 *
 * Reads. `readIndex` returns a context; the next heartbeat round carries the newest; when a quorum has answered with it,
 * every read up to it is confirmed at the commit index of its arrival (s46). One round serves every read since the last
 * `ready`. `Lease` and `mayReadByLease` serve the opt-in that saves the round, at the price of trusting clocks.
 *
 * Quarantine. A replica whose disk went back in time (restored from a copy, or emptied) no longer knows what it
 * acknowledged and whom it voted for. Its owner puts it into quarantine (`quarantine.ts`): it catches up, and its
 * acknowledgements do not count until the terms of all others were seen and it holds what a quorum without it
 * confirmed (s60).
 *
 * Quiescence. A group in which nothing happens and every member is level stops ticking (`quiescence.ts`); any input
 * wakes it.
 *
 * # Invariants, asserted by `invariants.ts` after every step of a test or simulation
 *
 * - One leader per term; one vote per node and term, across restarts. Terms, commit and applied never fall.
 * - Logs that agree on an index and term agree on everything before. A leader only appends to its own log.
 * - A committed entry is never changed, is held durably by a quorum, and is in every later leader's log.
 * - A read is confirmed only at an index that covers everything committed before it arrived.
 * - applied ≤ commit ≤ last; `match` < `next`; `match` never falls within a term, except for a member in quarantine.
 *
 * # Where to find things, from the bottom up
 *
 *     formats                                    format numbers: which builds read and write which
 *     types messages ready options               the nouns
 *     quorum log read-index lag lease            counting, the log, pending reads, disk stalls, one lease
 *     progress inflight delivery-checks          one peer as its leader sees it
 *     outbox persistence                         pending output, and what must be durable before it
 *     roles core                                 the roles' fields, what every role has, stepping down
 *     leader ← candidate ← follower              behaviour by role; beside the leader: replication, snapshot-sender,
 *                                                quiescence, quarantine; beside the follower: snapshot-receiver
 *     voter terms                                what every role does alike
 *     raft status describe invariants            the API, and ways to inspect a replica
 *     codec                                      entries and snapshot metadata as bytes, for journal and wire
 *
 * # What is left out
 *
 * - Membership changes at run time (§6). Configurations know learners and joint halves, every count goes through
 *   `quorum.ts` and takes both halves, and snapshots carry a configuration; but nothing proposes a change yet, and an
 *   entry of kind `configuration` is passed over. A replica that learns its configuration from the log would have to
 *   grant votes to strangers too; today a stranger is ignored.
 * - Detecting that a disk went back in time: the owner has to (s60).
 * - Byzantine members. Messages come from members, unaltered; what makes no sense is ignored, what contradicts a
 *   committed entry throws.
 * - Forwarding of proposals: refused with the leader's id instead; the owner has the links (s44).
 */
export * from './formats.js';
export * from './types.js';
export type * from './messages.js';
export type * from './ready.js';
export * from './codec.js';
export * from './raft.js';
export type { LogView } from './log.js';
export * from './describe.js';
export * from './invariants.js';
export * from './lease.js';
export * from './quorum.js';
export * from './storage/row-range.js';
export { prefixEnd } from './storage/state/state-rows.js';
export * from './storage/storage.js';
