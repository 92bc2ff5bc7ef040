/**
 * Shards: the groups of one node, and the state that they replicate.
 *
 * A key is encoded canonically and hashed to a shard (`keys`), and each shard is a Raft group whose replicas were
 * placed on nodes (`cluster`). A node (`node`) runs its replicas in turns: input waits in an inbox, a turn steps the
 * groups concerned, all their writes become durable in one commit, and output that depends on the disk follows in a
 * later turn. A write travels as a command through the group's log and is applied by the state machine (`machine`) to
 * rows in a memory table over the durable state, which checkpoints move to disk so that logs can be compacted. A read
 * is answered by the leader after a quorum confirmed its leadership. Messages between processes go over `transport`.
 *
 * Group 0 replicates the topology (`cluster`): there is no second source of truth.
 *
 * Invariants, asserted by tests:
 *  - no write is answered before a quorum has it on disk and this replica has applied it;
 *  - a write is applied once per operation id, and every retry gets the first answer, while the dedup table has it; a
 *    router's retry of an evicted id is refused, not applied (see `kv-machine.ts` for other retries);
 *  - at equal applied index all replicas of a group have the same state hash;
 *  - every error says whether the write happened.
 *
 * Left out here: HTTP, retries, choosing a node (router); terms, votes, quorums (raft).
 */
export type { GroupId, NodeId, RaftStatus, Storage } from '../raft/index.js';
export {
  MAX_PINNED_STATES,
  MemoryDisk,
  MemoryStorage,
  SqliteStorage,
  SqliteThread,
  StorageFull,
  isNoSpace,
  makeFolder,
  removeFolders,
  stopAtExit,
  folderProblem,
  writeAtomically,
} from '../raft/storage/index.js';
export {
  answerTooLarge,
  BYTES_CONTENT_TYPE,
  isJsonType,
  isRevision,
  isStaleness,
  MAX_ANSWER_BYTES,
  MAX_BOUND_BYTES,
  MAX_BATCH_BYTES,
  MAX_BATCH_OPERATIONS,
  MAX_CONTENT_TYPE_BYTES,
  MAX_FRAME_BYTES,
  MAX_KEY_BYTES,
  MAX_NAMESPACE_TRANSACTION_ITEMS,
  MAX_NODES,
  MAX_REVISION,
  MAX_SHARDS,
  MAX_STALENESS_MS,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_ITEMS,
  MAX_ENCODED_VALUE_BYTES,
  MAX_VALUE_BYTES,
  SPLIT_FRAME_BYTES,
  storedContentType,
  writtenContentType,
} from './bounds.js';
export { binaryString } from './big-endian.js';
export { WireError } from './byte-buffer.js';
export * from './client-id.js';
export * from './duration.js';
export * from './errors.js';
export { exactJson } from './exact-json.js';
export * from './formats.js';
export * from './list.js';
export * from './operation.js';
export * from './program-codec.js';
export * from './namespace.js';
export * from './router-id.js';
export type * from './program.js';
export * from './transaction-codec.js';
export * from './transaction.js';
export { MAX_DELETED_KEYS } from './range-codec.js';
export * from './runtime.js';
export type * from './status.js';
export * from './strict-json.js';
export * from './system-runtime.js';
export * from './value.js';
export {
  type ClusterConfig,
  DEFAULT_TIMERS,
  groupOfShard,
  type NodeTimers,
  ConfigMismatch,
  shardOfGroup,
  SYSTEM_GROUP,
  type Topology,
} from './cluster/index.js';
export {
  behindKey,
  bytesKey,
  decodeKey,
  encodeKey,
  FIRST_KEY,
  hash64,
  isKeyType,
  keyHash,
  type KeyType,
  loadHash,
  parseKeyText,
  prefixEndOf,
  prefixKey,
  shardOfKey,
  shardOfPrefix,
  stringKey,
} from './keys/index.js';
export {
  commandTimeMs,
  type EntryView,
  KvMachine,
  type StateStore,
  viewEntry,
  type Faulty,
  type JsonKind,
  type ParsedPatch,
  parseJsonPatch,
  parseMergePatch,
  type PatchBounds,
  type PatchFault,
  readTape,
  type Tape,
  type TapeId,
  transactionsIn,
} from './machine/index.js';
export {
  type CheckpointLimits,
  type DiskStall,
  featureLevelOf,
  type NodeHealth,
  type OutgoingSnapshot,
  quotaOptions,
  type ReplicaView,
  type ReplyMessage,
  ShardNode,
  type ShardNodeOptions,
  STALL_PATIENCE_MS,
  type StalledShard,
} from './node/index.js';
export {
  PieceAssembler,
  decodeFrame,
  DuplicateNode,
  encodeHello,
  admitHello,
  FORMER_PROTOCOL,
  FrameEncoder,
  type FrameEnds,
  type Hello,
  type HelloExtension,
  type HelloLayout,
  type Identity,
  checkCalleeHello,
  checkCallerHello,
  type LinkInfo,
  linkInfo,
  type HelloContext,
  MemoryNetwork,
  MemoryTransport,
  newestLayout,
  type SendQueue,
  type PeerId,
  type PeerMessage,
  type ProbeCallback,
  type Protocol,
  PROTOCOL,
  type RefusalReason,
  type LinkRefusal,
  ROUTER_PEERS,
  SendWindow,
  SingleLane,
  type Transport,
  type TransportEvents,
  type TransportStats,
  TwoLanes,
  requestEncodeError,
  WsTransport,
} from './transport/index.js';
