/** The goals that the usual run speaks of, from its rows. */
import type { Comparison, RowResult, TargetResult } from './compare.js';
import { median } from './latencies.js';
import { judge, type Goal, type JudgedGoal } from './goals.js';
import type { TargetName } from './target.js';
import { putShare, rowName } from './workload.js';

type Marks = readonly [floor: number, aim: number];

const more = (name: string, [floor, aim]: Marks, unit = '×'): Goal => ({ name, better: 'more', floor, aim, unit });
const less = (name: string, [floor, aim]: Marks, unit = '×'): Goal => ({ name, better: 'less', floor, aim, unit });

const SAID = { put: 'puts', get: 'linearizable gets' } as const;
type Side = keyof typeof SAID;

/** Throughput, as a multiple of another target's. */
const THROUGHPUT: readonly (readonly [TargetName, string, Readonly<Record<Side, Marks>>, readonly number[]])[] = [
  ['etcd-grpc', 'etcd gRPC', { put: [1.5, 2.5], get: [2, 3.5] }, [64, 256]],
  ['etcd-gateway', 'etcd gateway', { put: [2, 3.5], get: [3.5, 6] }, [64, 256]],
  ['echo', 'node:http echo', { put: [0.2, 0.4], get: [0.4, 0.65] }, [64]],
];
const ONE_CLIENT: Readonly<Record<Side, Marks>> = { put: [1, 0.7], get: [0.8, 0.5] };
const CPU: Marks = [1.2, 0.7];
/** What features may cost those who do not use them. */
const CPU_VS_BASE: Marks = [1.03, 1];
const LOOP_DELAY_MS: Marks = [20, 10];
const WRITTEN: Marks = [6, 3];
const EMBEDDED: Readonly<Record<Side, Marks>> = { put: [40_000, 100_000], get: [100_000, 300_000] };

export function compareGoals(comparison: Comparison): JudgedGoal[] {
  const at = (side: Side, clients: number) =>
    comparison.rows.find(({ row }) => rowName(row) === `${side}@${clients}`)?.targets;
  const ratio = (side: Side, clients: number, other: TargetName, of: (figures: TargetResult) => number): number => {
    const [mine, theirs] = [at(side, clients)?.kvorum, at(side, clients)?.[other]];
    return mine === undefined || theirs === undefined ? NaN : of(mine) / of(theirs);
  };
  const sides = ['put', 'get'] as const;
  return [
    ...THROUGHPUT.flatMap(([other, said, marks, clients]) =>
      sides.flatMap((side) =>
        clients.map((count) =>
          judge(
            more(`${SAID[side]} of ${count} clients vs ${said}`, marks[side]),
            ratio(side, count, other, ({ opsPerSecond }) => opsPerSecond),
          ),
        ),
      ),
    ),
    ...sides.map((side) =>
      judge(
        less(`p50 of one client's ${SAID[side]} vs etcd gRPC`, ONE_CLIENT[side]),
        ratio(side, 1, 'etcd-grpc', ({ p50Ms }) => p50Ms),
      ),
    ),
    ...sides.map((side) => pacedGoal(side, comparison)),
    judge(
      less('CPU of 1,000 puts, 64 clients, vs etcd gRPC', CPU),
      ratio('put', 64, 'etcd-grpc', (figures) => figures.cpuSecondsPer1000),
    ),
    ...(['put@64', 'get@64', 'put@1'] as const).map((name) => {
      const targets = comparison.rows.find(({ row }) => rowName(row) === name)?.targets;
      const { kvorum, 'kvorum-base': base } = targets ?? {};
      const ratios = (kvorum?.cpuRounds ?? []).map((cost, round) => cost / (base?.cpuRounds[round] ?? NaN));
      return judge(less(`CPU of 1,000 operations, ${name}, vs --base`, CPU_VS_BASE), median(ratios));
    }),
    judge(less('event-loop delay p99 of any node under puts', LOOP_DELAY_MS, ' ms'), worstLoopDelay(comparison.rows)),
    judge(less('bytes written per byte put, 64 clients', WRITTEN, ''), at('put', 64)?.kvorum?.writtenPerByte ?? NaN),
    ...sides.map((side) =>
      judge(
        more(`embedded, in memory, 256 callers: ${SAID[side]}`, EMBEDDED[side], '/s'),
        comparison.embedded?.[side] ?? NaN,
        'full runs without --rows do',
      ),
    ),
  ];
}

/** Floor and aim are the same: below etcd's. */
function pacedGoal(side: Side, { paced }: Comparison): JudgedGoal {
  const found = paced.find(({ operation }) => operation === side);
  return judge(
    less(`p99 of ${SAID[side]} at the rate where etcd gRPC saturates, vs its own`, [1, 0.5]),
    found === undefined ? NaN : found.kvorum.p99Ms / found.etcd.p99Ms,
    'full runs with --vs etcd do',
  );
}

const worstLoopDelay = (rows: readonly RowResult[]): number => {
  const delays = rows
    .filter(({ row }) => putShare(row.operation) === 1)
    .flatMap(({ targets: { kvorum } }) => kvorum?.loopDelayP99Ms ?? [])
    .filter((delay) => !isNaN(delay));
  return delays.length === 0 ? NaN : Math.max(...delays);
};
