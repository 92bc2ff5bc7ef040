/**
 * The backend port: how the router reaches the nodes of the cluster.
 *
 * `node-backend.ts` serves a router inside a node process, `remote-backend.ts` a stand-alone one. Neither chooses a
 * node nor retries: that is `dispatcher.ts`.
 */
import type {
  DiskStall,
  NodeHealth,
  NodeId,
  NodeStatus,
  OpenTransaction,
  OutgoingSnapshot,
  PeerId,
  PeerMessage,
  ReplyMessage,
  ShardReply,
  ShardRequest,
  Topology,
} from '../../shard/index.js';

export type ServingState = NodeStatus['state'];

export type ReplyCallback = (reply: ShardReply) => void;

export interface Backend {
  /** The node whose process this router is part of; undefined for a stand-alone router. */
  readonly self: NodeId | undefined;
  /** Undefined until it is known. */
  topology(): Topology | undefined;
  /** Called with every newer topology. */
  onTopology(listener: (topology: Topology) => void): void;
  /** May be wrong for a while, in either direction. */
  alive(node: NodeId): boolean;
  /** The shard's leader, as far as is known here. */
  leaderOf(shard: number): NodeId | undefined;
  /**
   * Sends one request to one node; `done` is called exactly once, perhaps before this returns. A request that could not
   * be sent is refused with outcome `not_applied`; one whose link broke before the answer with `leadership-lost`.
   */
  submit(node: NodeId, request: ShardRequest, done: ReplyCallback): void;
  /** The status of every node of the topology; undefined for those that did not answer in time. */
  statuses(timeoutMs: number): Promise<ReadonlyMap<NodeId, NodeStatus | undefined>>;
  /** Status of the node in this process; undefined for a stand-alone router. */
  localStatus(): NodeStatus | undefined;
  state(): ServingState;
  /** Health of the node in this process; undefined for a stand-alone router. Cheap. */
  health(): NodeHealth | undefined;
  /** Called with transactions that the node in this process leads a part of, and that nobody seems to finish. */
  onOrphan?(listener: (orphan: OpenTransaction) => void): void;
  /** Commits of the node in this process wait for room on its disk. */
  diskStall?(): DiskStall | undefined;
  /** Snapshots that the node in this process is sending. */
  outgoingSnapshots?(): readonly OutgoingSnapshot[];
}

/** What a router needs of the node in its process. `ShardNode` implements it. */
export interface ShardHost {
  readonly id: NodeId;
  topology(): Topology | undefined;
  onTopology(listener: (topology: Topology) => void): void;
  /** Leader of a shard whose replica is here; undefined if unknown, or no replica is here. */
  leaderOf(shard: number): NodeId | undefined;
  /** Submits to the replica of this node; refused with `not-here` (and a hint) if it does not lead. Never forwards. */
  submit(request: ShardRequest, done: ReplyCallback): void;
  /** Sends over the link to another node; false if it was dropped at once. */
  send(to: PeerId, message: PeerMessage): boolean;
  /** Answers to requests of this router that went through `send`. */
  onReply(listener: (from: PeerId, message: ReplyMessage) => void): void;
  isAlive(node: NodeId): boolean;
  /** Cheap, unlike `status`. */
  state(): ServingState;
  health(): NodeHealth;
  onOrphan?(listener: (orphan: OpenTransaction) => void): void;
  diskStall?(): DiskStall | undefined;
  outgoingSnapshots?(): readonly OutgoingSnapshot[];
  status(): NodeStatus;
}
