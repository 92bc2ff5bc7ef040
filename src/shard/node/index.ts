/** A node: its replicas run in turns, over one storage and one transport. */
export type { CheckpointLimits } from './checkpointer.js';
export { type DiskStall, STALL_PATIENCE_MS } from './disk-stalls.js';
export type { NodeHealth, StalledShard } from './health.js';
export { ShardNode } from './node.js';
export type { ShardNodeOptions } from './options.js';
export { quotaOptions } from './quota-options.js';
export type { ReplicaView } from './replica.js';
export type { OutgoingSnapshot } from './outgoing-snapshots.js';
export { levelOf } from './topology-sync.js';
