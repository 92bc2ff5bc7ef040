/**
 * The transport port: batches of messages between nodes, and between routers and nodes.
 *
 * Delivery is best effort: a message may be lost (full queue, broken link), never altered, never delivered to a
 * wrong cluster or node. On one link appends and chunks of snapshots keep their order, and so do the short messages
 * (heartbeats, votes, acknowledgements), which may overtake longer ones (`two-lanes.ts`). `memory.ts` and
 * `ws.ts` pass the same suite.
 * Knows nothing of what the messages mean.
 */
import type { GroupId, Message, NodeId } from '../../raft/index.js';
import type { ShardReply, ShardRequest } from '../operation.js';
import type { NodeStatus } from '../status.js';
import type { Topology } from '../cluster/index.js';
import type { LinkRefusal } from './stats.js';
import type { Hello, HelloExtension } from './wire-hello.js';

/** A node's id (1..65535), or, for a router that linked itself to us, a number ≥ `ROUTER_PEERS` that lives as long as its link. */
export type PeerId = number;
export const ROUTER_PEERS = 1_000_000;

export type PeerMessage =
  | { readonly type: 'raft'; readonly group: GroupId; readonly message: Message }
  | { readonly type: 'request'; readonly id: number; readonly request: ShardRequest }
  | { readonly type: 'reply'; readonly id: number; readonly reply: ShardReply }
  /** Sent by whoever has the higher epoch. */
  | { readonly type: 'topology'; readonly topology: Topology }
  /**
   * Sign of life; `epoch` = the sender's topology epoch (0 = none). `stopping`: it is to be given nothing to lead.
   * `failed` (protocol version 2): the sender has left its groups; it is up, and as good as dead to them.
   */
  | { readonly type: 'ping'; readonly epoch: number; readonly stopping: boolean; readonly failed?: true }
  /** All that the messages before it in the frame speak of is in the sender's journal, up to this row (`rollback-detector.ts`). */
  | { readonly type: 'position'; readonly position: number }
  /** Is another process of `node` than this one linked to you, and alive now? (`duplicate-watch.ts`) */
  | { readonly type: 'process-question'; readonly node: NodeId; readonly process: number }
  /** To that question; `other` is absent if there is none. */
  | {
      readonly type: 'process-answer';
      readonly node: NodeId;
      readonly process: number;
      readonly other?: { readonly process: number; readonly incarnation: number };
    }
  | { readonly type: 'status-request'; readonly id: number }
  | { readonly type: 'status'; readonly id: number; readonly status: NodeStatus };

/** What the hellos of a link settled. */
export interface LinkInfo {
  /** Protocol version of its frames (`protocol.ts`): the highest that both sides speak. */
  readonly version: number;
  /** The peer's own, which is not the cluster's. */
  readonly featureLevel: number;
  /** Greater in every later life of the peer's process. */
  readonly incarnation: number;
  /** What the peer said of itself. */
  readonly extension: HelloExtension;
}

export const linkInfo = ({ featureLevel, incarnation, extension }: Hello, version: number): LinkInfo => ({
  version,
  featureLevel,
  incarnation,
  extension,
});

/** What speaks against a hello; undefined = nothing. */
export type HelloDecision = (refused: LinkRefusal | undefined) => void;
export type ProbeCallback = (isAlive: boolean) => void;

export interface TransportEvents {
  /** Everything that came in one frame. */
  onMessages(from: PeerId, messages: readonly PeerMessage[]): void;
  /** A link to `peer` came up or went down. */
  onLink(peer: PeerId, up: boolean): void;
  /** What this side says of itself in a hello to `peer` (0 = a router, or not known yet). Left out: nothing. */
  helloTo?(peer: NodeId): HelloExtension;
  /** Why whoever says this does not belong here at all; asked first, and changes nothing. undefined = it may. */
  checkMembership?(hello: Hello): LinkRefusal | undefined;
  /** Looks into a hello that is in order otherwise, before `objection` is asked; calls `decide` once, at once or later. */
  validateHello?(hello: Hello, decide: HelloDecision): void;
  /** The last word on a hello that is in order otherwise, before the link begins; undefined = welcome. */
  finalCheck?(hello: Hello): LinkRefusal | undefined;
  /** `peer` turned this process away: another one is alive as the same node (`duplicates.ts`). */
  onDuplicate?(peer: NodeId): void;
}

export interface Transport {
  start(events: TransportEvents): Promise<void>;
  /** Queues a message; false if it was dropped at once (no such peer, its queue is full, or the message cannot be encoded). Never throws. */
  send(to: PeerId, message: PeerMessage): boolean;
  /** What was queued since the last flush leaves, one frame per peer; long messages as fast as the link takes them. */
  flush(): void;
  /** Of the link to `peer`; undefined while there is none. */
  link(peer: PeerId): LinkInfo | undefined;
  /**
   * Tells, in time, whether the process at the other end of the link to `peer` gives a sign of life that it cannot have
   * sent before this call.
   */
  probe(peer: PeerId, tell: ProbeCallback): void;
  /** Ends the link to `peer`, and says why. */
  refuse(peer: PeerId, refused: LinkRefusal): void;
  close(): Promise<void>;
}
