/**
 * Counters of a transport, for metrics and tests. No decision depends on them.
 */
import type { PeerId } from './transport.js';

/** Reasons to refuse or close a connection, with the WebSocket close code that tells the peer. */
export const REFUSALS = {
  'wrong-version': 4001,
  'wrong-cluster': 4002,
  'wrong-node': 4003,
  /** Not a hello, or another message before it. */
  'bad-hello': 4004,
  /** A frame that does not decode. */
  'bad-frame': 4005,
  /** A message that the peer may not send: in another node's name, to another node, or Raft from a router. */
  'not-allowed': 4006,
  /** A newer connection of the same peer has taken over. */
  replaced: 4007,
  'too-many-links': 4008,
  'hello-timeout': 4009,
  /** Nothing arrived for too long. */
  silent: 4010,
  /** Another process is alive under the same node id (`duplicates.ts`). */
  'duplicate-node': 4011,
} as const;

export type RefusalReason = keyof typeof REFUSALS;

/** Why a peer is refused. */
export interface LinkRefusal {
  readonly reason: RefusalReason;
  readonly detail: string;
}

export interface TransportStats {
  readonly framesIn: number;
  readonly framesOut: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Payload bytes of frames (0 where messages are passed as objects). */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Messages that `send` refused because the queue of the peer was full. */
  readonly droppedFull: number;
  /** Messages that `send` refused because there is no link to the peer. */
  readonly droppedNoLink: number;
  /** Messages that `send` refused because they cannot be encoded for this peer: a defect of the sender. */
  readonly droppedEncodeError: number;
  /** Messages queued and not yet flushed that were lost when a link went down. */
  readonly droppedQueued: number;
  /** Connections that this side refused or closed. */
  readonly refused: Readonly<Record<RefusalReason, number>>;
  /** Connections that the other side refused or that could not be made. */
  readonly failedDials: number;
  /** Links that are up. */
  readonly links: number;
  /** Queued bytes of each peer, those in its socket included. */
  readonly queuedBytes: ReadonlyMap<PeerId, number>;
  /** Protocol version of each link. */
  readonly versions: ReadonlyMap<PeerId, number>;
}

/** The counting part of `TransportStats`. */
export type TransportCounters = {
  -readonly [Name in Exclude<keyof TransportStats, 'refused' | 'links' | 'queuedBytes' | 'versions'>]: number;
} & { readonly refused: Record<RefusalReason, number> };

export const zeroCounters = (): TransportCounters => ({
  framesIn: 0,
  framesOut: 0,
  messagesIn: 0,
  messagesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  droppedFull: 0,
  droppedNoLink: 0,
  droppedEncodeError: 0,
  droppedQueued: 0,
  failedDials: 0,
  refused: {
    'wrong-version': 0,
    'wrong-cluster': 0,
    'wrong-node': 0,
    'bad-hello': 0,
    'bad-frame': 0,
    'not-allowed': 0,
    replaced: 0,
    'too-many-links': 0,
    'hello-timeout': 0,
    silent: 0,
    'duplicate-node': 0,
  },
});

/** The current counters, with the links that are up and their queued bytes. */
export const statsOf = (
  counters: TransportCounters,
  links: Iterable<{ readonly peer: PeerId; readonly version: number; readonly queuedBytes: number }>,
): TransportStats => {
  const all = [...links];
  return {
    ...counters,
    refused: { ...counters.refused },
    links: all.length,
    queuedBytes: new Map(all.map(({ peer, queuedBytes }) => [peer, queuedBytes])),
    versions: new Map(all.map(({ peer, version }) => [peer, version])),
  };
};
