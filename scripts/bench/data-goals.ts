/** The limits of requests about several keys: plain ones, by ratios to single requests and to etcd of the same run. */
import type { Comparison, TargetResult } from './compare.js';
import { type Goal, judge, type JudgedGoal } from './result.js';
import type { TargetName } from './target.js';
import { BATCH_PUTS, type Row, rowName } from './workload.js';

/** One side of a ratio: a figure of a row on a target. */
interface Side {
  readonly row: string;
  readonly target: TargetName;
  readonly of: (figures: TargetResult) => number;
}

interface Limit extends Omit<Goal, 'unit'> {
  readonly mine: Side;
  readonly other: Side;
}

const rate = (row: string, target: TargetName = 'kvorum', keys = 1): Side => ({
  ...{ row, target },
  of: ({ opsPerSecond }) => opsPerSecond * keys,
});
const p50 = (row: string): Side => ({ row, target: 'kvorum', of: ({ p50Ms }) => p50Ms });

const atLeast = (floor: number, name: string, mine: Side, other: Side): Limit => ({
  ...{ better: 'more', floor, name, mine, other },
});
const atMost = (floor: number, name: string, mine: Side, other: Side): Limit => ({
  ...{ better: 'less', floor, name, mine, other },
});

const LIMITS: readonly Limit[] = [
  atLeast(5, "batch@64: keys a second to put@64's", rate('batch@64', 'kvorum', BATCH_PUTS), rate('put@64')),
  atMost(1.2, "txn1@1: p50 to put@1's", p50('txn1@1'), p50('put@1')),
  atLeast(1.2, "txn1@64: throughput to etcd gRPC's", rate('txn1@64'), rate('txn1@64', 'etcd-grpc')),
  atMost(2.5, "txn2@1: p50 to put@1's", p50('txn2@1'), p50('put@1')),
  atLeast(0.35, "txn2@64: throughput to put@64's", rate('txn2@64'), rate('put@64')),
  atLeast(0.5, "txn2@64: throughput to etcd gRPC's", rate('txn2@64'), rate('txn2@64', 'etcd-grpc')),
  atMost(5, "page@1: p50 to get@1's", p50('page@1'), p50('get@1')),
];

const SCAN: Goal = { name: "scan: keys a second to SQLite's", better: 'more', floor: 0.2, unit: '×' };
const GONE: Goal = { name: 'expiry: until the last of 50,000 is gone', better: 'less', floor: 2, unit: ' s' };
const EXPIRY_P99: Goal = { name: 'expiry: p99 of 64 clients to that before', better: 'less', floor: 2, unit: '×' };

type Judged = Pick<Comparison, 'rows' | 'scan' | 'expiry'>;

export function dataGoals({ rows, scan, expiry }: Judged): JudgedGoal[] {
  const failures = expiry?.failures ?? 0;
  return [
    ...rowGoals(rows),
    judge(SCAN, scan === undefined ? NaN : scan.kvorum / scan.sqlite, 'needs scan'),
    failing(judge(GONE, expiry?.goneAfterS ?? NaN, 'needs expiry'), failures),
    failing(judge(EXPIRY_P99, expiry?.p99Ratio ?? NaN, 'needs expiry'), failures),
  ];
}

/** A ratio that leaves out what failed says nothing. */
const failing = (judged: JudgedGoal, failures: number): JudgedGoal =>
  failures === 0 ? judged : { ...judged, verdict: 'MISSED', why: `${failures} requests failed` };

function rowGoals(rows: Comparison['rows']): JudgedGoal[] {
  const figuresOf = ({ row, target }: Side): TargetResult | undefined =>
    rows.find((result) => rowName(result.row) === row)?.targets[target];
  return LIMITS.map(({ mine, other, ...limit }) => {
    const goal: Goal = { ...limit, unit: '×' };
    const sides = [mine, other].map((side) => ({ ...side, figures: figuresOf(side) }));
    const missing = sides.filter(({ figures }) => figures === undefined).map(({ row }) => row);
    const beside = other.target === 'etcd-grpc' ? ' with --vs etcd' : '';
    if (missing.length > 0) return judge(goal, NaN, `needs ${[...new Set(missing)].join(' and ')}${beside}`);
    const [a = NaN, b = NaN] = sides.map(({ figures, of }) => (figures === undefined ? NaN : of(figures)));
    const failures = sides.reduce((sum, { figures }) => sum + (figures?.failures ?? 0), 0);
    return failing(judge(goal, a / b), failures);
  });
}

/** Rows that a limit compares are measured in turn, round by round: both get the same times of the machine. */
export function groupsOf<Measured extends { readonly row: Row }>(all: readonly Measured[]): Measured[][] {
  let groups: Measured[][] = [];
  for (const one of all) {
    const [first, ...others] = groups.filter((group) => group.some((each) => areCompared(each.row, one.row)));
    if (first === undefined) groups.push([one]);
    else first.push(...others.flat(), one);
    groups = groups.filter((group) => !others.includes(group));
  }
  return groups;
}

function areCompared(one: Row, another: Row): boolean {
  const [a, b] = [rowName(one), rowName(another)];
  return LIMITS.some(({ mine: { row: mine }, other: { row: other } }) => {
    return (mine === a && other === b) || (mine === b && other === a);
  });
}
