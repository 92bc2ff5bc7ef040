/**
 * A node: all replicas that it holds, run in turns over one storage and one transport.
 *
 * Input enters the inbox (`inbox.ts`), from peers by way of `peer-handler.ts`. A turn (`turn.ts`) takes it: durable
 * writes release the messages that were held back for them, messages step replicas, operations are admitted
 * (`admission.ts`) and proposed. Then each replica that has work (`replica-set.ts`, `replica.ts`) returns a `Ready`:
 * messages are sent at once, writes are queued, committed entries are applied and their waiters (`pending.ts`)
 * answered. At the end of the turn the writes of all groups become one commit (`commit-pipeline.ts`).
 *
 * Periodic maintenance (`node.ts`) covers heartbeats (`peer-heartbeats.ts`, `failure-detector.ts`), expired operations,
 * leadership (`balancer.ts`) and checkpoints (`checkpointer.ts`). What may go wrong around a node is watched: a disk that
 * hangs (`disk-watch.ts`; `hung-disk.ts` hands leadership over), one that is full (`disk-stalls.ts`), one that was rolled
 * back (`rollback-detector.ts`), a wall clock that is off (`clock-watch.ts`), and a second process of the same node
 * (`duplicate-watch.ts`). `assembly.ts` connects all of them.
 */
export type { CheckpointLimits } from './checkpointer.js';
export { type DiskStall, STALL_PATIENCE_MS } from './disk-stalls.js';
export type { NodeHealth, StalledShard } from './health.js';
export { ShardNode } from './node.js';
export type { ShardNodeOptions } from './options.js';
export { quotaOptions } from './quota-options.js';
export type { ReplyMessage } from './peer-handler.js';
export type { ReplicaView } from './replica-view.js';
export type { OutgoingSnapshot } from './outgoing-snapshots.js';
export { featureLevelOf } from './topology-sync.js';
