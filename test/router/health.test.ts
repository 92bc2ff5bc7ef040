/** Readiness as one decision: a table of situations, and what each is. */
import { describe, expect, it } from 'vitest';
import { readiness, type ReadinessInputs } from '../../src/router/admin/health.js';
import type { NodeHealth } from '../../src/shard/index.js';
import { topologyOf } from '../support/fake-cluster.js';

const topology = topologyOf(3, [
  [1, 2, 3],
  [2, 3, 1],
  [3, 1, 2],
]);

const well: NodeHealth = { state: 'serving', electionTimeoutMs: 500, linked: [1, 2, 3], diskPendingMs: 3, stalled: [] };

const node = (more: Partial<ReadinessInputs> = {}, ailing: Partial<NodeHealth> = {}): ReadinessInputs => ({
  state: 'serving',
  topology,
  health: { ...well, ...ailing },
  noQuorum: [],
  noLeader: [],
  unanswered: [],
  stalled: undefined,
  strict: false,
  ...more,
});
const router = (more: Partial<ReadinessInputs> = {}): ReadinessInputs => ({ ...node(more), health: undefined });

const wrongIn = (situation: ReadinessInputs): string[] =>
  readiness(situation).flatMap(({ name, wrong }) => (wrong === undefined ? [] : [`${name}: ${wrong}`]));

describe('a node is ready', () => {
  it.each<[string, ReadinessInputs]>([
    ['when all is well', node()],
    ['while a write is under way for no longer than an election timeout', node({}, { diskPendingMs: 500 })],
    ['while a shard that it leads takes its time', node({}, { stalled: [{ shard: 1, ms: 1_000 }] })],
    [
      'while shards that it leads wait for the disks of others, if there are more',
      node({ noLeader: [0] }, { stalled: [{ shard: 1, ms: 9_000, byDisksOfOthers: true }] }),
    ],
    ['when other shards have no service', node({ noQuorum: [0], noLeader: [0, 2] })],
  ])('%s', (_, situation) => {
    expect(wrongIn(situation)).toEqual([]);
  });
});

describe('a node is not ready', () => {
  it.each<[string, ReadinessInputs, string[]]>([
    ['when it has failed', node({ state: 'failed' }), ['state: the process is failed']],
    ['when it stops', node({ state: 'stopping' }), ['state: the process is stopping']],
    ['before it knows the topology', node({ topology: undefined }), ['topology: the topology is not known yet']],
    [
      'while its disk hangs, and says for how long',
      node({}, { diskPendingMs: 2_340 }),
      ['disk: a write has been under way for 2.3 s'],
    ],
    [
      'while its disk hangs, also where checkpoints wait for room besides',
      node(
        {},
        {
          diskPendingMs: 2_340,
          diskStall: { waits: 'state', reason: 'disk-full', message: 'm', sinceMs: 0, ms: 9_000 },
        },
      ),
      ['disk: a write has been under way for 2.3 s'],
    ],
    [
      'while shards that it leads commit nothing, and says which',
      node(
        {},
        {
          stalled: [
            { shard: 1, ms: 1_001 },
            { shard: 2, ms: 900 },
            { shard: 4, ms: 4_000 },
          ],
        },
      ),
      ['commits: led here, and nothing committed for 4.0 s: shard 1, 4'],
    ],
    [
      'while the system group commits nothing',
      node({}, { stalled: [{ shard: -1, ms: 2_000 }] }),
      ['commits: led here, and nothing committed for 2.0 s: the system group'],
    ],
    [
      'while its disk is full',
      node({}, { diskStall: { waits: 'commits', reason: 'disk-full', message: 'm', sinceMs: 0, ms: 1_500 } }),
      ['disk: the disk is full, and commits have waited for 1.5 s'],
    ],
    [
      'while its journal has been at its quota for long',
      node({}, { diskStall: { waits: 'commits', reason: 'journal-full', message: 'm', sinceMs: 0, ms: 501 } }),
      ['disk: the journal is at its quota, and commits have waited for 0.5 s'],
    ],
    [
      'when it could serve no shard',
      node({ noQuorum: [0, 1], noLeader: [2] }),
      ['quorums: too few live replicas: shard 0, 1', 'leaders: no leader known: shard 2'],
    ],
    [
      'when asked strictly and any shard is without service',
      node({ noLeader: [2], strict: true }),
      ['leaders: no leader known: shard 2'],
    ],
    [
      'while it leads some that wait for the disks of others, and some that wait for itself',
      node(
        {},
        {
          stalled: [
            { shard: 0, ms: 2_000 },
            { shard: 1, ms: 9_000, byDisksOfOthers: true },
          ],
        },
      ),
      [
        'commits: led here, and nothing committed for 2.0 s: shard 0; ' +
          'led here, held up by the disks of others, and nothing committed for 9.0 s: shard 1',
      ],
    ],
    [
      'when all that has a leader waits for the disks of others',
      node({ noLeader: [0, 2] }, { stalled: [{ shard: 1, ms: 9_000, byDisksOfOthers: true }] }),
      [
        'commits: led here, held up by the disks of others, and nothing committed for 9.0 s: shard 1',
        'leaders: no leader known: shard 0, 2',
      ],
    ],
    [
      'when asked strictly and what it leads waits for the disks of others',
      node({ strict: true }, { stalled: [{ shard: 1, ms: 9_000, byDisksOfOthers: true }] }),
      ['commits: led here, held up by the disks of others, and nothing committed for 9.0 s: shard 1'],
    ],
    [
      'when asked strictly and a leader does not answer, or commits nothing',
      node({ noLeader: [0], unanswered: [1], stalled: [{ shard: 2, ms: 2_000 }], strict: true }),
      [
        'leaders: no leader known: shard 0; the leader does not answer: shard 1',
        'stalls: led, and nothing committed for 2.0 s: shard 2',
      ],
    ],
  ])('%s', (_, situation, wrong) => {
    expect(wrongIn(situation)).toEqual(wrong);
  });

  it.each([10, 500, 5_000])('from an election timeout of %i ms and a second after commits stopped', (timeout) => {
    const late = { electionTimeoutMs: timeout, stalled: [{ shard: 0, ms: timeout + 1_000 }] };
    expect(wrongIn(node({}, late))).toHaveLength(1);
    expect(wrongIn(node({}, { electionTimeoutMs: timeout, diskPendingMs: timeout + 1 }))).toHaveLength(1);
  });
});

describe('a router of its own', () => {
  it('is ready as long as it can serve any shard, and strictly only with all', () => {
    expect(wrongIn(router({ noLeader: [0, 1] }))).toEqual([]);
    expect(wrongIn(router({ noLeader: [0, 1], strict: true }))).toHaveLength(1);
    expect(wrongIn(router({ noLeader: [0, 1, 2] }))).toEqual(['leaders: no leader known: shard 0, 1, 2']);
    expect(readiness(router()).map(({ name }) => name)).toEqual(['state', 'topology', 'quorums', 'leaders']);
  });

  it('counts shards whose leader does not answer or commits nothing, one without any other fault among them', () => {
    const unserved = { unanswered: [0], stalled: [{ shard: 1, ms: 3_000 }] };
    expect(wrongIn(router(unserved))).toEqual([]);
    expect(readiness(router(unserved)).flatMap(({ note }) => note ?? [])).toEqual([
      'the leader does not answer: shard 0',
      'led, and nothing committed for 3.0 s: shard 1',
    ]);
    expect(wrongIn(router({ ...unserved, noLeader: [2] }))).toHaveLength(2);
  });
});

it.each([
  ['commits', 499, 'the disk is full, and commits have waited for 0.5 s'],
  ['state', 60_000, 'the disk is full, and checkpoints have waited for 60.0 s'],
] as const)(
  'a short wait of commits, or one of checkpoints only, is reported and does not count: %s',
  (waits, ms, note) => {
    const diskStall = { waits, reason: 'disk-full', message: 'm', sinceMs: 0, ms } as const;
    const disk = readiness(node({}, { diskStall })).find(({ name }) => name === 'disk');
    expect(disk).toEqual({ name: 'disk', wrong: undefined, note });
  },
);

it('commits that wait for the disks of other nodes are reported and do not count', () => {
  const stalled = [{ shard: 1, ms: 9_000, byDisksOfOthers: true }];
  const commits = readiness(node({}, { stalled })).find(({ name }) => name === 'commits');
  const note = 'led here, held up by the disks of others, and nothing committed for 9.0 s: shard 1';
  expect(commits).toEqual({ name: 'commits', wrong: undefined, note });
});

it('a condition that does not count is reported all the same', () => {
  const leaders = readiness(node({ noLeader: [1] })).find(({ name }) => name === 'leaders');
  expect(leaders).toEqual({ name: 'leaders', wrong: undefined, note: 'no leader known: shard 1' });
});
