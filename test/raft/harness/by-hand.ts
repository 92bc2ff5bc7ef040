/**
 * One real node among peers whose messages the test writes: made here, delivered with `cluster.inject`; what the node sends
 * is taken out of flight with `answers`. The peers' messages are not checked for consistency.
 */
import type {
  Append,
  AppendOk,
  AppendRefused,
  Entry,
  HardState,
  Heartbeat,
  HeartbeatOk,
  Message,
  SnapshotAnswer,
  Vote,
  VoteAnswer,
} from '../../../src/raft/index.js';
import { Cluster, type ClusterOptions } from './cluster.js';
import { logOf } from './entries.js';

export interface AloneOptions extends Omit<ClusterOptions, 'running' | 'unchecked' | 'disks'> {
  readonly hardState?: Partial<HardState>;
  /** Terms of the entries in its log. */
  readonly log?: readonly number[];
  /** Default 1. */
  readonly id?: number;
}

/** A group of which only one node (n1) is real. Its term is at least that of its last entry. */
export function alone(options: AloneOptions = {}): Cluster {
  const log = options.log ?? [];
  const id = options.id ?? 1;
  const hardState = { term: log.at(-1) ?? 0, vote: 0, commit: 0, ...options.hardState };
  return new Cluster({
    ...options,
    running: [id],
    unchecked: true,
    disks: { [id]: { hardState, entries: logOf(log) } },
  });
}

type Made<T extends Message> = Partial<Omit<T, 'type'>> & Pick<T, 'from' | 'term'>;

/** Envelope of a message from n1, leader of term 1, to n2. */
export const FROM_LEADER = { from: 1, to: 2, term: 1 } as const;

export const append = (fields: Made<Append>): Append => ({
  type: 'append',
  to: 1,
  prevIndex: 0,
  prevTerm: 0,
  entries: [] as Entry[],
  commit: 0,
  ...fields,
});

export const appendOk = (fields: Made<AppendOk>): AppendOk => ({ type: 'append-ok', to: 1, index: 0, ...fields });

export const appendRefused = (fields: Made<AppendRefused>): AppendRefused => ({
  type: 'append-refused',
  to: 1,
  rejectedIndex: 0,
  hintIndex: 0,
  hintTerm: 0,
  lastIndex: 0,
  ...fields,
});

export const heartbeat = (fields: Made<Heartbeat>): Heartbeat => ({
  type: 'heartbeat',
  to: 1,
  commit: 0,
  readContext: 0,
  quiesce: false,
  ...fields,
});

export const heartbeatOk = (fields: Made<HeartbeatOk>): HeartbeatOk => ({
  type: 'heartbeat-ok',
  to: 1,
  readContext: 0,
  lastIndex: 0,
  ...fields,
});

export const vote = (fields: Made<Vote>): Vote => ({
  type: 'vote',
  to: 1,
  preVote: false,
  lastIndex: 0,
  lastTerm: 0,
  forced: false,
  ...fields,
});

export const voteAnswer = (fields: Made<VoteAnswer>): VoteAnswer => ({
  type: 'vote-answer',
  to: 1,
  preVote: false,
  granted: true,
  ...fields,
});

export const snapshotAnswer = (fields: Made<SnapshotAnswer>): SnapshotAnswer => ({
  type: 'snapshot-answer',
  to: 1,
  index: 0,
  wanted: -1,
  ...fields,
});

/** The messages of one type. */
export function of<T extends Message['type']>(messages: readonly Message[], type: T): Extract<Message, { type: T }>[] {
  return messages.filter((message): message is Extract<Message, { type: T }> => message.type === type);
}

/** What the node has sent since the last call. */
export function answers(cluster: Cluster): Message[] {
  return cluster.network.take({});
}

export function answersOf<T extends Message['type']>(cluster: Cluster, type: T): Extract<Message, { type: T }>[] {
  return of(cluster.network.take({ type }), type);
}

/** Brings n1 to candidacy in its next term: the peers grant the pre-vote. Its own vote is durable afterwards. */
export function stand(cluster: Cluster): void {
  const { term, configuration } = cluster.status(1);
  cluster.campaign(1);
  for (const peer of configuration.voters)
    if (peer !== 1 && cluster.status(1).role === 'pre-candidate')
      cluster.inject(voteAnswer({ from: peer, term: term + 1, preVote: true }));
  cluster.sync(1);
}

/** Makes n1 the leader of its next term: all peers grant. Its no-op is durable, and only on n1. */
export function lead(cluster: Cluster): void {
  stand(cluster);
  const { term, configuration } = cluster.status(1);
  for (const peer of configuration.voters)
    if (peer !== 1 && cluster.status(1).role === 'candidate') cluster.inject(voteAnswer({ from: peer, term }));
  cluster.sync(1);
  if (cluster.status(1).role !== 'leader') throw new Error('n1 does not lead');
  answers(cluster);
}
