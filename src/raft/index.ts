/**
 * Consensus for one group: a log that several nodes agree on, after Ongaro & Ousterhout, "In Search of an
 * Understandable Consensus Algorithm" (2014), numbered § here, and Ongaro's thesis, "Consensus: Bridging Theory and
 * Practice" (2014). `s12` names a row of the scenarios that the tests carry in their names.
 *
 * # How it works, in this code's names
 *
 * A `Raft` is one replica. It is a value that inputs change: `tick` (time passes), `step` (a message came), calls of its
 * owner (`propose`, `readIndex`, `transferLeadership`, …) and `persisted` (the disk is done). All that leaves it is one
 * `Ready`: messages, a `Write`, committed entries, confirmed reads. There is no clock, timer, promise, randomness or
 * input/output in here; so the simulator runs the very code that a node runs, and a failure repeats from its seed.
 *
 * A node's life. It starts as `Follower` of nobody. If it hears no leader for a random time in [T, 2T) it becomes
 * `pre-candidate` and asks every voter whether it could win; nothing durable changes by that, so a node that is cut off
 * never disturbs the others when it comes back (s18). With a quorum of such answers it becomes `candidate`: term + 1, its
 * vote to itself, both on disk before any request leaves. With a quorum of votes it becomes `Leader` and begins its term
 * with a no-op entry, through which everything of earlier terms commits (s40). A message of a higher term makes anyone a
 * follower; that is decided in one place, `terms.ts`, before any role sees the message.
 *
 * Replication. For each other member the leader keeps a `Progress`: `probe` until it knows where the logs match, then
 * `replicate`, where appends follow one another without waiting, up to a bounded number; `snapshot` when what is needed
 * is compacted away. A refusal says where to look next, so that each side skips a whole term at a time (s30). Appends are
 * made when `ready` is called: everything proposed until then shares them. Losses are noticed by heartbeats: the answer
 * says how far the follower's log is known to match, and what left two heartbeats ago should be there (s36).
 *
 * Durability. `Ready.messages` go at once and promise nothing. `Write.messages` (votes, acknowledgements) wait for the
 * disk. Several writes may be under way; they complete in order. `Log` remembers which index each write made durable,
 * and lowers it when the log is cut, so that a late completion never speaks for a newer entry (s33). The leader's own
 * entry counts only when the leader's own disk has it (s34), so it may write while its followers do.
 *
 * A disk that hangs. A leader lacks for an election timeout what a quorum has: it hands over, or steps down after one
 * more; a replica whose write has been under way that long does not stand. Followers with such disks stay followers.
 *
 * Commitment. A leader commits the highest index that a quorum holds durably, if that index is of its own term (s38,
 * s39). Followers hear of it with the next append or, when there is none, with the next tick's heartbeat. Committed
 * entries are handed out once they are durable here.
 *
 * Reads. `readIndex` gives a context; the next heartbeat round carries the newest; when a quorum has answered with it,
 * every read up to it is confirmed at the commit index of its moment (s46). One round serves every read since the
 * last `ready`. `Lease` and `mayReadByLease` serve the opt-in that saves the round, at the price of trusting clocks.
 *
 * A disk that went back in time (restored from a copy, or emptied) leaves a replica that no longer knows what it
 * acknowledged and whom it voted for. Its owner puts it into quarantine (`quarantine.ts`): it is brought up, and nothing that it
 * says counts before all others have told their terms and a leader has brought it to what a quorum without it confirmed (s60).
 *
 * Quiet. A group in which nothing happens and everyone is level stops ticking (`quiescence.ts`); anything wakes it.
 *
 * # Invariants, asserted by `invariants.ts` after every step of a test or simulation
 *
 * - One leader per term; one vote per node and term, across restarts. Terms, commit and applied never fall.
 * - Logs that agree on an index and term agree on everything before. A leader only appends to its own log.
 * - A committed entry is never changed, is held durably by a quorum, and is in every later leader's log.
 * - A read is confirmed only at an index that covers everything committed before it was asked.
 * - applied ≤ commit ≤ last; `match` never falls in one life of a log; `match` < `next`.
 *
 * # Where to find things, from the bottom up
 *
 *     formats                                   numbers in bytes: who reads and writes which
 *     types messages ready options              the nouns
 *     quorum log read-index lag lease           counting, the log, pending reads, a disk that hangs, one lease
 *     progress inflight questions               one peer as its leader sees it
 *     outbox persistence                        what leaves, and what must be on disk before
 *     roles core                                the roles' fields, what every role has, the way back to follower
 *     leader ← candidate ← follower             behaviour by role; beside the leader: replication, snapshot-sender,
 *                                               quiescence, quarantine; beside the follower: snapshot-receiver
 *     voter terms                               what every role does alike
 *     raft status describe invariants           the door's front: calls, and ways to look at a replica
 *
 * # What is left out
 *
 * - Membership changes at run time (§6). Configurations know learners and joint halves, every count goes through
 *   `quorum.ts` and takes both halves, and snapshots carry a configuration; but nothing proposes a change yet, and an
 *   entry of kind `configuration` is passed over. A replica that learns of its configuration through the log would have to
 *   give votes to strangers too; today a stranger is not heard.
 * - Noticing that a disk went back in time: the owner has to (s60).
 * - Liars. Messages come from members, unaltered; what makes no sense is ignored, what contradicts a committed
 *   entry throws.
 * - Forwarding of proposals: refused with the leader's name instead; the owner knows the links (s44).
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
export * from './storage/storage.js';
