/**
 * The shard room: the groups of one node, and the state that they replicate.
 *
 * A key is encoded canonically (`keyspace`), hashed to a shard (`hash`), and each shard is a Raft group whose replicas
 * were placed on nodes (`placement`). A node (`node`) runs its replicas in turns: what comes in waits in an inbox, a
 * turn steps the groups concerned, all that they want written becomes durable in one commit (`commit-pipeline`), and
 * what depended on the disk follows in a later turn. A write travels as a command (`command`) through the group's log
 * and is applied by the state machine (`kv-machine`) to rows in a memory table over the durable state (`state-table`),
 * which checkpoints move to disk (`checkpointer`) so that logs can be compacted. A read is answered by the leader after
 * a quorum confirmed it (`group`, `waiting`).
 *
 * Group 0 replicates the topology (`system-machine`, `topology-keeper`): there is no second source of truth.
 *
 * Invariants, asserted by tests:
 *  - no write is answered before a quorum has it on disk and this replica has applied it;
 *  - a write is applied once per operation id, and every retry gets the first answer, while the shard remembers it; a
 *    router's repeat of what it no longer remembers is refused, not applied (`kv-machine.ts` says what others are);
 *  - at equal applied index all replicas of a group have the same state hash;
 *  - every answer that is not a success says whether the write happened.
 *
 * Left out here: HTTP, retries, choosing a node (router); terms, votes, quorums (raft).
 */
export type { GroupId, NodeId, RaftStatus, Storage } from '../raft/index.js';
export { quotaOptions } from './quota-options.js';
export { STALL_PATIENCE_MS, type DiskStall } from './disk-stalls.js';
export {
  MemoryDisk,
  MemoryStorage,
  SqliteStorage,
  SqliteThread,
  StorageFull,
  isNoRoom,
  makeFolder,
  removeFolders,
  stopAtEnd,
  whyUnusable,
  writeWhole,
} from '../raft/storage/index.js';
export { MAX_KEY_BYTES, isRevision, storedContentType, writtenContentType } from './bounds.js';
export { binaryString } from './byte-io.js';
export type { CheckpointLimits } from './checkpointer.js';
export { DuplicateNode, examineHello, type Meeting } from './duplicates.js';
export * from './errors.js';
export type { Replica } from './group.js';
export * from './formats.js';
export * from './hash.js';
export * from './keyspace.js';
export * from './message-limits.js';
export { SingleLane, type Outgoing } from './outgoing.js';
export { Arrivals } from './pieces.js';
export { SendWindow } from './send-window.js';
export type { OutgoingSnapshot } from './snapshot-sender.js';
export { TwoLanes } from './two-lanes.js';
export type { NodeHealth, StalledShard } from './node-health.js';
export * from './node-options.js';
export * from './node.js';
export type * from './operation.js';
export * from './placement.js';
export * from './protocol.js';
export * from './refusals.js';
export * from './runtime.js';
export type * from './status.js';
export * from './strict-json.js';
export * from './system-runtime.js';
export * from './timers.js';
export { PlanMismatch, type ClusterPlan } from './topology-keeper.js';
export { levelOf } from './topology-sync.js';
export * from './topology.js';
export * from './transport.js';
export * from './transport-memory.js';
export type { Refused, RefusalReason, TransportStats } from './transport-stats.js';
export * from './transport-ws.js';
export * from './value.js';
export { encodeHello, newestLayout, type Hello, type HelloExtension, type HelloLayout } from './wire-hello.js';
export { judgeCalled, judgeCaller, type Identity } from './ws-handshake.js';
export { decodeFrame, FrameEncoder, whyUnsayable, type FrameEnds } from './wire.js';
