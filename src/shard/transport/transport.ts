/**
 * The transport port: batches of messages between nodes, and between routers and nodes.
 *
 * Delivery is best effort: a message may be lost (full queue, broken link), never altered, never delivered to a
 * wrong cluster or node. On one link appends and chunks of snapshots keep their order, and so do the short messages
 * (heartbeats, votes, acknowledgements), which may overtake longer ones (`two-lanes.ts`). `memory.ts` and
 * `ws.ts` pass the same suite.
 */
import type { GroupId, Message, NodeId } from '../../raft/index.js';
import type { ShardReply, ShardRequest } from '../operation.js';
import type { NodeStatus } from '../status.js';
import type { Topology } from '../cluster/index.js';
import type { LinkRefusal } from './stats.js';
import type { Hello, HelloExtension } from './wire-hello.js';

/**
 * A node's id (1..65535); of a router that linked to this node, a number ≥ `ROUTER_PEERS`, valid as long as its link.
 */
export type PeerId = number;
export const ROUTER_PEERS = 1_000_000;

export type PeerMessage =
  | { readonly type: 'raft'; readonly group: GroupId; readonly message: Message }
  | { readonly type: 'request'; readonly id: number; readonly request: ShardRequest }
  | { readonly type: 'reply'; readonly id: number; readonly reply: ShardReply }
  /** Sent by the side with the higher epoch. */
  | { readonly type: 'topology'; readonly topology: Topology }
  /**
   * Liveness; `epoch` = the sender's topology epoch (0 = none). `stopping`: it must not become leader.
   * `failed` (protocol version 2): the sender is up but has left its groups, which must treat it as dead.
   * `wallMs` (protocol version 3): the sender's wall clock, whole ms since 1970.
   */
  | {
      readonly type: 'ping';
      readonly epoch: number;
      readonly stopping: boolean;
      readonly failed?: true;
      readonly wallMs?: number;
    }
  /**
   * The messages before it in the frame depend on the sender's journal only up to this row (`rollback-detector.ts`).
   */
  | { readonly type: 'position'; readonly position: number }
  /**
   * Asks whether another process of `node` than this one is linked to the receiver, and alive (`duplicate-watch.ts`).
   */
  | { readonly type: 'process-question'; readonly node: NodeId; readonly process: number }
  /** The answer; `other` is absent if there is none. */
  | {
      readonly type: 'process-answer';
      readonly node: NodeId;
      readonly process: number;
      readonly other?: { readonly process: number; readonly incarnation: number };
    }
  /**
   * A follower asks the leader of a group for its commit index, as of a round that began after this
   * (`bounded-reads.ts`). Since protocol version 3.
   */
  | { readonly type: 'read-index-request'; readonly group: GroupId; readonly id: number }
  /** The answer; undefined: the receiver does not lead, or lost its lead. */
  | {
      readonly type: 'read-index';
      readonly group: GroupId;
      readonly id: number;
      readonly index: number | undefined;
    }
  | { readonly type: 'status-request'; readonly id: number }
  | { readonly type: 'status'; readonly id: number; readonly status: NodeStatus };

/** What both sides of a link agreed on in their hellos. */
export interface LinkInfo {
  /** Protocol version of its frames (`protocol.ts`): the highest that both sides speak. */
  readonly version: number;
  /** The peer's own feature level, not the cluster's. */
  readonly featureLevel: number;
  /** Greater in every later incarnation of the peer. */
  readonly incarnation: number;
  /** The extension of the peer's hello. */
  readonly extension: HelloExtension;
}

export const linkInfo = ({ featureLevel, incarnation, extension }: Hello, version: number): LinkInfo => ({
  version,
  featureLevel,
  incarnation,
  extension,
});

/** Called with the refusal of a hello; undefined = accepted. */
export type HelloDecision = (refused: LinkRefusal | undefined) => void;
export type ProbeCallback = (isAlive: boolean) => void;

export interface TransportEvents {
  /** Called with all messages of one frame. */
  onMessages(from: PeerId, messages: readonly PeerMessage[]): void;
  /** Called when a link to `peer` came up or went down. */
  onLink(peer: PeerId, up: boolean): void;
  /** Extension of this side's hello to `peer` (0 = a router, or not known yet). Absent: empty. */
  helloTo?(peer: NodeId): HelloExtension;
  /** Refuses a process of another cluster. Called first, without side effects; undefined = accepted. */
  checkMembership?(hello: Hello): LinkRefusal | undefined;
  /** Validates a well-formed hello, before `finalCheck`; calls `decide` once, at once or later. */
  validateHello?(hello: Hello, decide: HelloDecision): void;
  /** The last check of a hello, before the link begins; undefined = accepted. */
  finalCheck?(hello: Hello): LinkRefusal | undefined;
  /** `peer` refused this process: another one is alive as the same node (`duplicates.ts`). */
  onDuplicate?(peer: NodeId): void;
}

export interface Transport {
  start(events: TransportEvents): Promise<void>;
  /**
   * Queues a message; false if it was dropped at once (no link, a full queue, or it cannot be encoded). Never throws.
   */
  send(to: PeerId, message: PeerMessage): boolean;
  /** Sends messages queued since the last flush, one frame per peer; long ones as fast as the link takes them. */
  flush(): void;
  /** The link to `peer`; undefined while there is none. */
  link(peer: PeerId): LinkInfo | undefined;
  /**
   * Calls back, within a bounded time, whether the process at the other end of the link to `peer` responded to a probe
   * sent by this call.
   */
  probe(peer: PeerId, report: ProbeCallback): void;
  /** Closes the link to `peer` with a reason. */
  refuse(peer: PeerId, refused: LinkRefusal): void;
  close(): Promise<void>;
}
