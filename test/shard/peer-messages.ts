/** Arbitrary peer messages, for the properties of the wire format. */
import fc from 'fast-check';
import { EntryKind, type Entry, type Message } from '../../src/raft/index.js';
import { MAX_STALENESS_MS } from '../../src/shard/bounds.js';
import { ERRORS, type ErrorCode } from '../../src/shard/errors.js';
import type { List, ListItem } from '../../src/shard/list.js';
import type { Answer, Attempt, KvOperation, ShardRequest } from '../../src/shard/operation.js';
import type { NodeStatus } from '../../src/shard/status.js';
import type { Topology } from '../../src/shard/cluster/topology.js';
import type { PeerMessage } from '../../src/shard/transport/transport.js';
import type { FrameEnds } from '../../src/shard/transport/wire.js';

const integer = fc.oneof(
  fc.nat(1000),
  fc.maxSafeNat().map((n) => n % 2 ** 48),
  fc.constant(2 ** 48 - 1),
);
const u32 = fc.oneof(fc.nat(), fc.constant(2 ** 32 - 1));
const bytes = fc.uint8Array({ maxLength: 300, size: 'max' });
const nodeId = fc.integer({ min: 1, max: 65_535 });
const nodeIds = fc.uniqueArray(nodeId, { maxLength: 5 });
const configuration = fc.record({
  voters: fc.uniqueArray(nodeId, { minLength: 1, maxLength: 5 }),
  votersOutgoing: nodeIds,
  learners: nodeIds,
});
const ascii = fc.string({ unit: 'grapheme-ascii', maxLength: 40, size: 'max' });

/** Where entries start, and how the terms of consecutive entries go. */
const appendLog = fc
  .record({
    prevIndex: fc.nat(2 ** 40),
    prevTerm: fc.nat(2 ** 40),
    steps: fc.array(fc.record({ up: fc.nat(3), kind: fc.constantFrom(...Object.values(EntryKind)), data: bytes }), {
      maxLength: 8,
    }),
    above: fc.nat(3),
  })
  .map(({ prevIndex, prevTerm, steps, above }) => {
    let term = prevTerm;
    const entries: Entry[] = steps.map(({ up, kind, data }, i) => {
      term += up;
      return { index: prevIndex + 1 + i, term, kind, data };
    });
    return { prevIndex, prevTerm, entries, term: term + above };
  });

export function raftMessages({ from, to }: FrameEnds): fc.Arbitrary<Message> {
  const is = <Type extends Message['type']>(type: Type) => ({
    type: fc.constant(type),
    from: fc.constant(from),
    to: fc.constant(to),
    term: integer,
  });
  const bool = fc.boolean();
  return fc.oneof(
    fc
      .record({ log: appendLog, commit: integer })
      .map(({ log, commit }) => ({ type: 'append' as const, from, to, commit, ...log })),
    fc.record({ ...is('append-ok'), index: integer }),
    fc.record({
      ...is('append-refused'),
      rejectedIndex: integer,
      hintIndex: integer,
      hintTerm: integer,
      lastIndex: integer,
    }),
    fc.record({ ...is('heartbeat'), commit: integer, readContext: integer, quiesce: bool }),
    fc.record({ ...is('heartbeat-ok'), readContext: integer, lastIndex: integer }),
    fc.record({ ...is('vote'), preVote: bool, lastIndex: integer, lastTerm: integer, forced: bool }),
    fc.record({ ...is('vote-answer'), preVote: bool, granted: bool }),
    fc
      .record({
        ...is('snapshot'),
        index: fc.integer({ min: 1, max: 2 ** 40 }),
        configuration,
        sequence: integer,
        data: bytes,
        done: bool,
      })
      .map(({ index, configuration, ...rest }) => ({ ...rest, meta: { index, term: rest.term, configuration } })),
    fc.record({ ...is('snapshot-answer'), index: integer, wanted: fc.integer({ min: -1, max: 1000 }) }),
    fc.record(is('timeout-now')),
    fc.record(is('term-notice')),
  );
}

/** Long ones are rare: they take long. */
const key = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 40, size: 'max' }) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 4_000, maxLength: 4_097, size: 'max' }) },
);
const operationId = fc.uint8Array({ minLength: 16, maxLength: 16 });
const attempt = fc.constantFrom<Attempt>('initial', 'client-keyed', 'retry', 'keyed', 'keyed-retry');
const condition = fc.oneof(
  fc.constantFrom({ type: 'none' as const }, { type: 'absent' as const }, { type: 'exists' as const }),
  fc.record({ type: fc.constant('revision' as const), revision: integer }),
);

const consistency = fc.constantFrom('linearizable' as const, 'lease' as const, 'stale' as const);

/** What a stale read demands; of others there is none. */
const bounded = <Read extends object>(read: fc.Arbitrary<Read>) =>
  fc.oneof(
    fc.tuple(read, consistency).map(([fields, how]) => ({ ...fields, consistency: how })),
    fc
      .tuple(
        read,
        fc.oneof(
          fc.record({ minRevision: integer }),
          fc.record({ maxStalenessMs: staleness }),
          fc.record({ minRevision: integer, maxStalenessMs: staleness }),
        ),
      )
      .map(([fields, bound]) => ({ ...fields, consistency: 'stale' as const, bound })),
  );
const staleness = fc.integer({ min: 1, max: MAX_STALENESS_MS });

const operation: fc.Arbitrary<Exclude<KvOperation, List>> = fc.oneof(
  fc.record({
    type: fc.constant('put' as const),
    key,
    body: bytes,
    contentType: ascii,
    condition,
    operationId,
    attempt,
  }),
  fc.record({ type: fc.constant('delete' as const), key, condition, operationId, attempt }),
  bounded(fc.record({ type: fc.constant('get' as const), key })),
);

const lists: fc.Arbitrary<Omit<List, 'shard'>> = fc
  .record({
    type: fc.constant('list' as const),
    from: key,
    to: fc.option(key, { nil: undefined }),
    reverse: fc.boolean(),
    content: fc.constantFrom('values' as const, 'keys' as const, 'count' as const),
    grouping: fc.option(
      fc.record({
        prefixBytes: fc.integer({ min: 1, max: 4_097 }),
        delimiter: fc.uint8Array({ minLength: 1, maxLength: 255 }),
      }),
      { nil: undefined },
    ),
    rows: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    bytes: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    consistency,
  })
  .map((list) => (list.content === 'count' ? { ...list, grouping: undefined } : list))
  .chain((list) =>
    fc
      .option(fc.record({ id: integer, isLast: fc.boolean() }), { nil: undefined })
      .map((view) => (view === undefined ? list : { ...list, view })),
  );

const requests: fc.Arbitrary<ShardRequest> = fc
  .record({
    shard: u32,
    budgetMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
    operation: fc.oneof({ weight: 3, arbitrary: operation }, { weight: 1, arbitrary: lists }),
  })
  .map(({ shard, budgetMs, operation }) => ({
    shard,
    budgetMs,
    operation: operation.type === 'list' ? { ...operation, shard } : operation,
  }));

const record = fc.record({
  revision: integer,
  createRevision: integer,
  version: integer,
  contentType: ascii,
  body: bytes,
  expiresAtMs: fc.option(integer, { nil: undefined }),
});

const listItem: fc.Arbitrary<ListItem> = fc.oneof(
  fc.record({ type: fc.constant('record' as const), key, record }),
  fc.record({ type: fc.constantFrom('key' as const, 'deferred' as const, 'prefix' as const), key }),
);

const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({
    type: fc.constant('put' as const),
    revision: integer,
    version: integer,
    created: fc.boolean(),
    replayed: fc.boolean(),
  }),
  fc.record({ type: fc.constant('delete' as const), deleted: fc.boolean(), revision: integer, replayed: fc.boolean() }),
  fc.record({
    type: fc.constant('get' as const),
    revision: integer,
    record: fc.option(
      fc.record({ revision: integer, createRevision: integer, version: integer, contentType: ascii, body: bytes }),
      { nil: undefined },
    ),
  }),
  fc.record({
    type: fc.constant('list' as const),
    revision: integer,
    items: fc.array(listItem, { maxLength: 4 }),
    count: integer,
    rest: fc.option(key, { nil: undefined }),
  }),
  fc.record(
    {
      type: fc.constant('refused' as const),
      code: fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[])),
      outcome: fc.constantFrom('unknown' as const, 'not_applied' as const),
      message: fc.string({ unit: 'grapheme' }),
      details: fc.record(
        { field: fc.string(), limit: integer, currentRevision: integer, leader: integer, shard: u32, term: integer },
        { requiredKeys: [] },
      ),
      replayed: fc.boolean(),
    },
    { requiredKeys: ['type', 'code', 'outcome', 'message', 'details'] },
  ),
);

export const topologies: fc.Arbitrary<Topology> = fc
  .record(
    {
      clusterId: fc.string(),
      epoch: integer,
      replicas: fc.nat(7),
      hash: fc.constant('xxh64' as const),
      leaseReads: fc.boolean(),
      nodes: fc.uniqueArray(
        fc.record({ id: nodeId, name: fc.string(), peerAddress: fc.string(), httpAddress: fc.string() }),
        { maxLength: 4, selector: (node) => node.id },
      ),
      shards: fc.array(nodeIds, { maxLength: 6 }),
      featureLevel: integer,
      clusterUid: fc.uuid(),
      timers: fc.record({
        tickMs: fc.double({ min: 0.5, max: 1_000, noNaN: true }),
        electionTicks: fc.integer({ min: 1, max: 1_000 }),
        heartbeatTicks: fc.integer({ min: 1, max: 100 }),
      }),
      leases: fc.constantFrom('off' as const, 'promise' as const, 'read' as const),
    },
    { requiredKeys: ['clusterId', 'epoch', 'replicas', 'hash', 'leaseReads', 'nodes', 'shards'] },
  )
  .map((topology) => ({ ...topology, shardCount: topology.shards.length }));

const raftStatus = fc.record({
  id: nodeId,
  role: fc.constantFrom('follower' as const, 'pre-candidate' as const, 'candidate' as const, 'leader' as const),
  term: integer,
  vote: fc.nat(65_535),
  leader: fc.nat(65_535),
  commit: integer,
  applied: integer,
  firstIndex: integer,
  lastIndex: integer,
  stableIndex: integer,
  quiesced: fc.boolean(),
  configuration,
  peers: fc.array(
    fc.record({
      id: nodeId,
      match: integer,
      next: integer,
      state: fc.constantFrom('probe' as const, 'replicate' as const, 'snapshot' as const),
      recentlyActive: fc.boolean(),
    }),
    { maxLength: 3 },
  ),
});

const keysOf = <Fields extends object>(fields: Fields): (keyof Fields)[] => Object.keys(fields) as (keyof Fields)[];
/** −0 does not come back from JSON. */
const milliseconds = fc.double({ min: 0, max: 1e9, noNaN: true }).map((ms) => ms + 0);

const groupFields = {
  group: u32,
  raft: raftStatus,
  stateHash: fc.constant('0123456789abcdef'),
  keys: integer,
  leaderChanges: integer,
  pendingWrites: integer,
  pendingReads: integer,
};

const statusFields = {
  id: nodeId,
  name: fc.string(),
  state: fc.constantFrom('starting' as const, 'serving' as const, 'stopping' as const, 'failed' as const),
  failure: fc.option(fc.string(), { nil: undefined }),
  topologyEpoch: integer,
  uptimeMs: fc.nat(),
  alive: nodeIds,
  groups: fc.array(
    fc.record(
      { ...groupFields, commitWaitMs: milliseconds, sinceAppliedMs: milliseconds },
      { requiredKeys: keysOf(groupFields) },
    ),
    {
      maxLength: 3,
    },
  ),
  storage: fc.record(
    {
      journalBytes: integer,
      journalRows: integer,
      stateBytes: integer,
      commits: integer,
      commitMs: fc.array(
        fc.integer({ min: 0, max: 100 }).map((n) => n / 8),
        { maxLength: 3 },
      ),
      files: fc.record({ journal: integer, state: integer, stateWal: integer }),
    },
    { requiredKeys: ['journalBytes', 'journalRows', 'stateBytes', 'commits', 'commitMs'] },
  ),
  inboxLength: integer,
  featureLevel: integer,
  links: fc.array(fc.record({ peer: nodeId, version: integer }), { maxLength: 3 }),
};

export const statuses: fc.Arbitrary<NodeStatus> = fc.record(
  {
    ...statusFields,
    electionTimeoutMs: milliseconds,
    roomWaitMs: milliseconds,
    clockOffsetMs: milliseconds,
    quarantine: fc.string(),
  },
  { requiredKeys: keysOf(statusFields) },
);

const isNot = fc.boolean();

/** Any message that may be sent between two peers; Raft messages only between nodes. */
export function peerMessages(ends: FrameEnds): fc.Arbitrary<PeerMessage> {
  const rest: fc.Arbitrary<PeerMessage>[] = [
    fc.record({
      type: fc.constant('request' as const),
      id: integer,
      request: requests,
    }),
    fc.record({
      type: fc.constant('reply' as const),
      id: integer,
      reply: fc.record({ answer, term: integer, servedBy: fc.nat(65_535) }),
    }),
    fc.record({ type: fc.constant('topology' as const), topology: topologies }),
    fc.record(
      {
        type: fc.constant('ping' as const),
        epoch: integer,
        stopping: isNot,
        failed: fc.constant(true as const),
        wallMs: integer,
      },
      { requiredKeys: ['type', 'epoch', 'stopping'] },
    ),
    fc.record({ type: fc.constant('status-request' as const), id: integer }),
    fc.record({ type: fc.constant('status' as const), id: integer, status: statuses }),
    fc.record({ type: fc.constant('process-question' as const), node: nodeId, process: integer }),
    fc.record({ type: fc.constant('read-index-request' as const), group: u32, id: integer }),
    fc.record({
      type: fc.constant('read-index' as const),
      group: u32,
      id: integer,
      index: fc.option(integer, { nil: undefined }),
    }),
    fc.record(
      {
        type: fc.constant('process-answer' as const),
        node: nodeId,
        process: integer,
        other: fc.record({ process: integer, incarnation: integer }),
      },
      { requiredKeys: ['type', 'node', 'process'] },
    ),
  ];
  if (ends.from === 0 || ends.to === 0) return fc.oneof(...rest);
  const raft = fc.record({ type: fc.constant('raft' as const), group: u32, message: raftMessages(ends) });
  return fc.oneof({ weight: rest.length, arbitrary: raft }, ...rest);
}
