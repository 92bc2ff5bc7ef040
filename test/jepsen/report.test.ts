/** A report: its numbers, and every reason for which a run does not pass, one at a time. */
import { describe, expect, it } from 'vitest';
import { checkHistory, checkTransactions, type Operation } from '../../src/check/index.js';
import { parseOptions } from '../../scripts/jepsen/options.js';
import { UsageError } from '../../scripts/support/usage.js';
import { unequalReplicas } from '../../scripts/jepsen/replicas.js';
import { makeReport, type RunFacts } from '../../scripts/jepsen/report.js';
import { summary } from '../../scripts/jepsen/summary.js';

const SECOND = 1_000_000_000;

/** A put every 20 ms for two seconds, one of them unknown, and a refused one. */
const operations: Operation[] = Array.from({ length: 100 }, (_, i) => ({
  ...{
    client: i,
    op: 'put',
    key: `k${i % 5}`,
    value: `v${i}`,
    start: (i * SECOND) / 50,
    end: ((i + 0.5) * SECOND) / 50,
  },
  ...(i === 30 ? { ok: null, error: 'timeout' } : i === 31 ? { ok: false, error: 'no-leader' } : { ok: true }),
}));

const good: RunFacts = {
  asked: operations,
  kinds: ['ring', 'slow-disk'],
  cannot: new Map([['slow-disk', 'no compiler']]),
  injected: new Map([['ring', 1]]),
  harmless: [],
  windows: [{ kinds: ['ring'], start: 0.5 * SECOND, end: SECOND }],
  load: { start: 0, end: 2 * SECOND },
  askedPerSecond: 50,
  healed: {
    ...{ start: 1.9 * SECOND, end: 2 * SECOND },
    afterMs: { served: 120, ready: 130, level: 340 },
    missing: [],
  },
  ...{ attempts: 101, replays: 1, large: 0 },
  ...{ surprises: [], troubles: [], problems: [], replicas: [] },
  check: checkHistory(operations),
};

describe('a report', () => {
  it('counts', () => {
    const report = makeReport(good);
    expect(report).toMatchObject({
      verdict: 'LINEARIZABLE',
      passed: true,
      failures: [],
      operations: { total: 100, ok: 98, failed: 1, unknown: 1 },
      errors: { timeout: 1, 'no-leader': 1 },
      okPerSecond: 49,
      longestWaitMs: 10,
      duringFaults: { operations: 25, ok: 23 },
      ...{ timeToServeMs: 120, timeToReadyMs: 130, timeToLevelMs: 340, whileHealing: { operations: 5, ok: 5 } },
      faults: { ring: 1 },
      skipped: { 'slow-disk': 'no compiler' },
    });
    // From the answer of operation 29 to that of 32.
    expect(report.longestSilenceMs).toBeCloseTo(60, 6);
    const options = parseOptions(['--seed', 'x'], () => '');
    expect(summary(options, report)).toMatch(/^LINEARIZABLE\nregister, 5 nodes/);
    expect(summary(options, { ...report, passed: false })).toMatch(/^LINEARIZABLE FAILED\n/);
  });

  const bad: Operation = { client: 'x', op: 'get', key: 'k0', ok: true, result: 'never written', start: 0, end: 1 };
  it.each<[string, Partial<RunFacts>, RegExp]>([
    [
      'an illegal history',
      { check: checkHistory([...operations, bad]) },
      /^the history is ILLEGAL: k0: client x: get: "never written": ./,
    ],
    [
      'no verdict',
      { check: { ...good.check, verdict: 'UNKNOWN', undecided: ['k1'] } },
      /^the history is UNKNOWN: no verdict on k1$/,
    ],
    ['the own check', { problems: ['l has a, twice'] }, /^the check of the workload: l has a, twice$/],
    ['replicas that differ', { replicas: ['x'] }, /^replicas: x$/],
    ['a surprise', { surprises: ['500'] }, /^an answer that the API does not give: 500$/],
    ['trouble', { troubles: ['n1 exited by itself'] }, /^trouble: n1 exited by itself$/],
    [
      'what does not come together under load',
      { healed: { ...good.healed, missing: ['n2 lags in shard 0: it has applied 3 of 9'] } },
      /^not in time under load after everything was healed: n2 lags in shard 0: it has applied 3 of 9$/,
    ],
    [
      'clients of which none succeeded after the heal',
      { healed: { ...good.healed, start: 3 * SECOND, end: 4 * SECOND } },
      /^no operation of the clients succeeded after everything was healed$/,
    ],
    [
      'too few successes',
      { load: { start: 0, end: 20 * SECOND } },
      /^too little: 4.9 successes a second, expected 5.0$/,
    ],
    [
      'narrow links that nothing large had to pass',
      {
        ...{ kinds: ['narrow-links'], injected: new Map([['narrow-links', 1]]) },
        windows: [{ kinds: ['narrow-links'], start: 0.5 * SECOND, end: SECOND }],
      },
      /^no large value was acknowledged$/,
    ],
    ['a fault that never came', { injected: new Map() }, /^ring was never injected$/],
    ['a fault that did nothing', { harmless: ['hung-disk'] }, /^hung-disk was injected, and never seen to bite$/],
    ['no fault at all', { kinds: ['slow-disk'], injected: new Map() }, /^no fault was injected$/],
    [
      'a fault that nobody felt',
      { windows: [{ kinds: ['ring'], start: -2, end: -1 }] },
      /^no operation overlaps with ring$/,
    ],
  ])('fails a run for %s', (_, more, failure) => {
    const report = makeReport({ ...good, ...more });
    expect(report.passed).toBe(false);
    expect(report.failures.at(-1)).toMatch(failure);
    expect(report.failures.length).toBeLessThanOrEqual(2);
  });

  it('of transactions passes if they are strictly serializable, and names the anomaly if not', () => {
    const line = { client: 0, ok: true, start: 0, end: 1 } as const;
    const passed = makeReport({ ...good, check: checkTransactions([{ ...line, ops: [['append', 'k', 1]] }]) });
    expect(passed).toMatchObject({ verdict: 'STRICTLY SERIALIZABLE', passed: true, checkFailure: null, keys: 1 });
    const broken = makeReport({ ...good, check: checkTransactions([{ ...line, ops: [['r', 'k', [1]]] }]) });
    const text = 'T1 read 1 in "k", which no transaction appended';
    expect(broken).toMatchObject({ passed: false, checkFailure: { anomaly: 'garbage', text } });
    expect(broken.failures).toEqual([`the history is ILLEGAL: garbage: ${text}`]);
  });

  it('shows at most ten lines of each kind', () => {
    const problems = Array.from({ length: 25 }, (_, i) => `p${i}`);
    const { failures } = makeReport({ ...good, problems });
    expect(failures).toHaveLength(11);
    expect(failures.at(-1)).toBe('the check of the workload: and 15 more');
  });
});

describe('replicas', () => {
  const shard = (...replicas: [number | undefined, string | undefined][]) => [
    {
      ...{ shard: 2, commit: 10 },
      replicas: replicas.map(([applied, hash], index) => ({ node: index + 1, applied, state_hash: hash })),
    },
  ];
  it('that are level and equal pass', () => {
    expect(unequalReplicas(shard([10, 'a'], [10, 'a'], [10, 'a']))).toEqual({ behind: [], differ: [] });
  });
  it('that lag or do not answer are waited for', () => {
    const { behind, differ } = unequalReplicas(shard([10, 'a'], [9, 'b'], [undefined, undefined]));
    expect(behind).toEqual(['n2 has applied 9 of 10 in shard 2', 'n3 has applied 0 of 10 in shard 2']);
    expect(differ).toEqual([]);
  });
  it('that differ at the same index fail', () => {
    const { differ } = unequalReplicas(shard([10, 'a'], [10, 'b'], [9, 'c']));
    expect(differ).toEqual([expect.stringContaining('shard 2 differ at index 10')]);
  });
});

describe('the command line', () => {
  const parse = (...argv: string[]) => parseOptions(argv, () => 'fresh');
  it('has defaults for all options', () => {
    expect(parse()).toMatchObject({
      nodes: 5,
      replicas: 3,
      workload: 'register',
      clients: 20,
      seed: 'fresh',
      json: false,
    });
    expect(parse('--faults', 'kill,pause', '--seed', '7').kinds).toEqual([
      'kill-one',
      'kill-leader',
      'kill-all',
      'pause',
    ]);
  });
  it.each([
    [['--nodes', '2', '--faults', 'pause'], '--replicas 3 is more than --nodes 2'],
    [['--nodes', '2', '--replicas', '2', '--faults', 'bridge'], '--faults bridge needs at least --nodes 3, not 2'],
    [['--seconds', '5'], '--seconds 5 is too short for all kinds of faults: they need at least 53'],
    [['--seconds', '5', '--faults', 'partition'], 'too short for these 6 kinds of faults'],
  ])('%j is refused', (argv, message) => {
    expect(() => parse(...argv)).toThrow(UsageError);
    expect(() => parse(...argv)).toThrow(message);
  });
});
