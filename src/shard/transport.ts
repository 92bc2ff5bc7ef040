/**
 * The transport port: batches of messages between nodes, and between routers and nodes.
 *
 * Delivery is best effort: a message may be lost (full queue, broken link), never altered, never delivered to a
 * wrong cluster or node; on one link order is kept. `transport-memory.ts` and `transport-ws.ts` pass the same suite.
 * Knows nothing of what the messages mean.
 */
import type { GroupId, Message } from '../raft/index.js';
import type { ShardReply, ShardRequest } from './operation.js';
import type { NodeStatus } from './status.js';
import type { Topology } from './topology.js';

/** A node's id (1..65535), or, for a router that linked itself to us, a number ≥ `ROUTER_PEERS` that lives as long as its link. */
export type PeerId = number;
export const ROUTER_PEERS = 1_000_000;

export type PeerMessage =
  | { readonly type: 'raft'; readonly group: GroupId; readonly message: Message }
  | { readonly type: 'request'; readonly id: number; readonly request: ShardRequest }
  | { readonly type: 'reply'; readonly id: number; readonly reply: ShardReply }
  /** Sent by whoever has the higher epoch. */
  | { readonly type: 'topology'; readonly topology: Topology }
  /** Sign of life; `epoch` = the sender's topology epoch (0 = none). */
  | { readonly type: 'ping'; readonly epoch: number; readonly stopping: boolean }
  | { readonly type: 'status-request'; readonly id: number }
  | { readonly type: 'status'; readonly id: number; readonly status: NodeStatus };

export interface TransportEvents {
  /** Everything that came in one frame. */
  onMessages(from: PeerId, messages: readonly PeerMessage[]): void;
  /** A link to `peer` came up or went down. */
  onLink(peer: PeerId, up: boolean): void;
}

export interface Transport {
  start(events: TransportEvents): Promise<void>;
  /** Queues a message; false if it was dropped at once (no such peer, its queue is full, or the message cannot be encoded). Never throws. */
  send(to: PeerId, message: PeerMessage): boolean;
  /** What was queued since the last flush leaves, one frame per peer. */
  flush(): void;
  close(): Promise<void>;
}
