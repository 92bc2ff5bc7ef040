/** Arithmetic of the benchmark: percentiles, medians, gaps, what is read from others' output, goals, the chart. */
import { describe, expect, it } from 'vitest';
import { drawChart, niceCeiling } from '../../../scripts/bench/chart.js';
import { compareGoals } from '../../../scripts/bench/compare-findings.js';
import type { TargetResult } from '../../../scripts/bench/compare.js';
import { parseGrpcReport } from '../../../scripts/bench/etcd.js';
import { longestGap } from '../../../scripts/bench/failover.js';
import { type Goal, type Header, judge, resultName } from '../../../scripts/bench/result.js';
import { readCounters } from '../../../scripts/bench/kvorum.js';
import type { Target } from '../../../scripts/bench/target.js';
import { delayBetweenMs, type DelayCounts, Latencies, median, percentile } from '../../../scripts/bench/latencies.js';
import { Measurement, medians, type Figures } from '../../../scripts/bench/measure.js';
import { scaleGoals } from '../../../scripts/bench/scale-findings.js';
import { parseWrk } from '../../../scripts/bench/wrk-load.js';

const figures = (more: Partial<Figures> = {}): Figures => ({
  opsPerSecond: 1_000,
  p50Ms: 1,
  p99Ms: 2,
  p999Ms: 3,
  failures: 0,
  cpuSecondsPer1000: 0.1,
  loadCpuShare: 0.5,
  commitsPerSecond: NaN,
  entriesPerCommit: NaN,
  writtenPerByte: NaN,
  loopDelayP99Ms: [],
  residentMiB: [],
  ...more,
});
const target = (more: Partial<TargetResult> = {}): TargetResult => ({
  ...figures(),
  rounds: [1_000],
  cpuRounds: [],
  ...more,
});

it('percentiles are by the nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);
  expect([0.5, 0.99, 0.999, 1].map((share) => percentile(hundred, share))).toEqual([50, 99, 100, 100]);
  expect(percentile([], 0.5)).toBeNaN();
});

it('latencies are kept exactly, however many', () => {
  const latencies = new Latencies();
  for (let i = 200_000; i > 0; i--) latencies.add(i);
  expect(latencies.count).toBe(200_000);
  expect(latencies.percentiles()).toEqual({ p50Ms: 100_000, p99Ms: 198_000, p999Ms: 199_800 });
});

it('computes medians', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1])).toBe(2.5);
  expect(median([])).toBeNaN();
  const three = [1, 5, 3].map((p99Ms) => figures({ p99Ms, failures: 1, residentMiB: [p99Ms, 10 * p99Ms] }));
  expect(medians(three)).toMatchObject({ p99Ms: 3, failures: 3, residentMiB: [3, 30] });
  expect(medians([figures(), figures({ writtenPerByte: 4 })]).writtenPerByte).toBe(4);
});

it('measures in several turns, and counts what happens in them', async () => {
  const outcome = { failures: 0, p50Ms: 1, p99Ms: 2, p999Ms: 3, cpuMs: 100 };
  const outcomes = [
    { ...outcome, operations: 300, tookMs: 1_000 },
    { ...outcome, operations: 100, tookMs: 1_000, failures: 1, p50Ms: 5 },
    { ...outcome, operations: 200, tookMs: 2_000, p50Ms: 3 },
  ];
  // Between turns 10 of each go by: 10 commits, and 10 delays of up to 8 ms.
  let [commits, short, long] = [0, 0, 0];
  const target: Target = {
    ...{ name: 'kvorum', pids: [], nodePids: [], replicas: 3 },
    cannot: () => undefined,
    drive: () => {
      commits += 50;
      long += 99;
      return Promise.resolve(outcomes.shift() ?? { ...outcome, operations: 0, tookMs: 1 });
    },
    counters: () => {
      const now = { commits, entries: 2 * commits, loopDelays: [delays(short, short + long)] };
      [commits, short] = [commits + 5, short + 5];
      return Promise.resolve(now);
    },
  };
  const delays = (upTo8: number, all: number): DelayCounts => [
    [0.008, upTo8],
    [0.016, all],
    [Infinity, all],
  ];
  const measurement = new Measurement(target, { row: { operation: 'put', clients: 1 }, valueBytes: 100 });
  for (let turn = 0; turn < 3; turn++) await measurement.turn(1);
  expect(measurement.figures()).toMatchObject({
    ...{ opsPerSecond: 150, failures: 1, p50Ms: 3, loadCpuShare: 300 / 4_000 },
    commitsPerSecond: (3 * 55 * 1_000) / 4_000,
    entriesPerCommit: 2,
  });
  // 5 of 104 delays in a turn are short.
  expect(measurement.figures().loopDelayP99Ms[0]).toBeCloseTo(8 + (8 * (0.99 * 104 - 5)) / 99);
});

describe('the longest gap between successes', () => {
  it.each([
    [[90, 100, 140, 150], 95, 160, 40],
    [[90, 100, 140], 101, 160, 40],
    [[0, 90, 100], 95, 200, 100],
    [[], 95, 200, 105],
    [[0, 90, 100, 300], 95, 200, 100],
    [[0, 80, 85, 90], 86, 92, 5],
  ])('of %j from %i to %i is %i', (times, from, to, gap) => {
    expect(longestGap(times, from, to)).toBe(gap);
  });
});

it("parses wrk's output; what failed, or was answered without its mark, is not counted", () => {
  const said = 'Running 8s test\n…\nRESULT 1000 8000000 1 2 3 10 4 5 1500 20000 30500\n';
  expect(parseWrk(said)).toEqual({
    operations: 985,
    failures: 25,
    tookMs: 8_000,
    p50Ms: 1.5,
    p99Ms: 20,
    p999Ms: 30.5,
  });
  expect(() => parseWrk('unable to connect')).toThrow('wrk ended without a result: unable to connect');
});

it('parses the output of the gRPC client', () => {
  const said =
    '{"op":"put","clients":64,"seconds":2,"ops":100,"errors":1,"ops_per_s":50,"p50_ms":1,"p99_ms":2,"p999_ms":3}';
  expect(parseGrpcReport(said, 1)).toEqual({
    ...{ operations: 100, failures: 1, tookMs: 2_000 },
    ...{ p50Ms: 1, p99Ms: 2, p999Ms: 3 },
  });
  // A client that has no transactions would do something else.
  expect(() => parseGrpcReport(said, 2)).toThrow('has no transactions');
  expect(parseGrpcReport(said.replace('{', '{"keys_per_op":2,'), 2)).toMatchObject({ operations: 100 });
});

it('parses node metrics', () => {
  const node = (commits: number): string =>
    [
      'kvorum_storage_commits_total ' + String(commits),
      'kvorum_group_last_index{shard="0"} 5',
      'kvorum_group_last_index{shard="system"} 2',
      'kvorum_event_loop_delay_seconds_bucket{le="0.001"} 5',
      'kvorum_event_loop_delay_seconds_bucket{le="+Inf"} 6',
    ].join('\n');
  const loopDelays = [0, 1].map(() => [
    [0.001, 5],
    [Infinity, 6],
  ]);
  expect(readCounters([node(3), node(4)])).toEqual({ commits: 7, entries: 14, loopDelays });
  expect(readCounters(['kvorum_storage_commits 3'])).toMatchObject({ commits: 3, loopDelays: [[]] });
});

describe('the delay of an event loop between two readings', () => {
  const counts = (...counts: readonly number[]): DelayCounts =>
    [0.001, 0.01, 0.02, Infinity].map((bound, at) => [bound, counts[at] ?? 0]);
  it.each([
    ['spread within a bucket', counts(0, 0, 0, 0), counts(50, 100, 100, 100), 0.75, 5.5],
    ['what came before does not count', counts(900, 900, 900, 900), counts(900, 900, 1_000, 1_000), 0.99, 19.9],
    ['beyond the last bound', counts(0, 0, 0, 0), counts(0, 0, 0, 10), 0.99, 20],
    ['no earlier reading', [], counts(100, 100, 100, 100), 0.5, 0.5],
  ] as const)('%s', (_, earlier, later, share, ms) => {
    expect(delayBetweenMs(earlier, later, share)).toBeCloseTo(ms, 6);
  });

  it('is undefined without samples, or of a build without the metric', () => {
    expect(delayBetweenMs(counts(7, 7, 7, 7), counts(7, 7, 7, 7), 0.99)).toBeNaN();
    expect(delayBetweenMs([], [], 0.99)).toBeNaN();
  });
});

describe('a goal', () => {
  const more: Goal = { name: 'x', better: 'more', floor: 1.5, aim: 2.5, unit: '×' };
  const limit: Goal = { name: 'x', better: 'less', floor: 1.2, unit: '×' };
  const less: Goal = { name: 'x', better: 'less', floor: 1, aim: 0.7, unit: '×' };
  it.each([
    [more, 2.5, 'aim met'],
    [more, 1.5, 'floor met'],
    [more, 1.49, 'MISSED'],
    [less, 0.7, 'aim met'],
    [less, 1, 'floor met'],
    [less, 1.01, 'MISSED'],
    [limit, 1.2, 'ok'],
    [limit, 1.21, 'MISSED'],
    [more, NaN, 'not measured'],
  ] as const)('%o: %d is "%s"', (goal, measured, verdict) => {
    expect(judge(goal, measured).verdict).toBe(verdict);
  });

  it('is judged from rows, or says that it was not measured', () => {
    const rows = [
      {
        row: { operation: 'put', clients: 64 },
        targets: {
          kvorum: target({
            opsPerSecond: 3_000,
            loopDelayP99Ms: [5, 15, NaN],
            cpuSecondsPer1000: 0.2,
            cpuRounds: [0.2, 0.3, 0.9],
          }),
          // Round by round, not median by median.
          'kvorum-base': target({ cpuRounds: [0.16, 0.3, 0.3] }),
          'etcd-grpc': target({ opsPerSecond: 1_000 }),
        },
      },
    ] as const;
    const goals = compareGoals({ rows, paced: [], embedded: undefined, notRun: [] });
    const of = (start: string) => goals.find(({ name }) => name.startsWith(start));
    expect(of('puts of 64 clients vs etcd gRPC')).toMatchObject({ measured: 3, verdict: 'aim met' });
    expect(of('puts of 64 clients vs etcd gateway')).toMatchObject({ measured: null, verdict: 'not measured' });
    expect(of('CPU of 1,000 puts')).toMatchObject({ measured: 2, verdict: 'MISSED' });
    expect(of('CPU of 1,000 operations, put@64')).toMatchObject({ measured: 1.25, verdict: 'MISSED' });
    expect(of('CPU of 1,000 operations, get@64')).toMatchObject({ measured: null, verdict: 'not measured' });
    expect(of('event-loop delay')).toMatchObject({ measured: 15, verdict: 'floor met' });
  });

  it('of growth compares points', () => {
    const at = (n: number, cpuSecondsPer1000: number) => ({
      at: n,
      put: figures({ cpuSecondsPer1000 }),
      get: figures(),
    });
    const goals = scaleGoals({ shards: [at(16, 0.1), at(256, 0.13)] });
    expect(goals[0]).toMatchObject({ name: 'CPU of a put, 256 shards vs 16', verdict: 'floor met' });
    expect(goals.filter(({ verdict }) => verdict === 'not measured').length).toBe(6);
  });
});

it('a saved result is named by its day and commit', () => {
  const header = { mode: 'scale', date: '2026-03-01T10:00:00.000Z', commit: 'abc1234', changed: false } as Header;
  expect(resultName(header)).toBe('2026-03-01-abc1234-scale.json');
  expect(resultName({ ...header, mode: 'compare', changed: true })).toBe('2026-03-01-abc1234-changed.json');
});

describe('the chart', () => {
  it('draws a bar for each value, and escapes labels', () => {
    const svg = drawChart({
      title: 'a < b & "c"',
      subtitle: '',
      series: { one: '#111111', two: '#222222' },
      groups: [
        {
          label: 'put, 64',
          bars: [
            { series: 'one', value: 10 },
            { series: 'two', value: 5 },
          ],
        },
      ],
    });
    expect(svg).toContain('a &lt; b &amp; &quot;c&quot;');
    const widths = [...svg.matchAll(/<rect x="190"[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width));
    expect(widths).toHaveLength(2);
    expect((widths[0] ?? 0) / (widths[1] ?? 1)).toBeCloseTo(2);
  });

  it.each([
    [0, 1],
    [7, 10],
    [12_345, 20_000],
    [21_000, 25_000],
    [100_000, 100_000],
  ])('rounds %i up to %i', (value, ceiling) => {
    expect(niceCeiling(value)).toBe(ceiling);
  });
});
