/** The result of the default run: tables of text, a chart, and its goals. */
import { table } from '../support/table.js';
import { drawChart } from './chart.js';
import type { ExpiryResult } from './expiry.js';
import type { ScanResult } from './scan.js';
import type { Comparison, RowResult, TargetResult } from './compare.js';
import { type Findings, type Goal, GOAL_HEADER, goalLines, type Header, judge, type JudgedGoal } from './result.js';
import { median } from './latencies.js';
import { type Machine, machineLine } from './context.js';
import { type TargetName, TARGETS } from './target.js';
import { dataGoals } from './data-goals.js';
import { rowName, OPERATION_LABELS } from './workload.js';

/** Without SQLite's writer, which is no server: its bar beside servers would mislead. */
const COLOURS: Readonly<Record<string, string>> = {
  kvorum: '#2f81f7',
  'etcd-grpc': '#db6d28',
  'etcd-gateway': '#bf8700',
  echo: '#8b949e',
};

export function compareFindings(comparison: Comparison, header: Header): Findings {
  const goals = compareGoals(comparison);
  const spread = noise(comparison);
  return {
    data: { noise: spread, ...comparison },
    goals,
    chart: chartOf(comparison, header),
    text: [
      ...headLines(header, spread),
      ...rowTables(comparison),
      ...pacedLines(comparison),
      ...embeddedLines(comparison),
      ...ownRowLines(comparison),
      '',
      table(GOAL_HEADER, goalLines(goals)),
      '',
      ...warnings(comparison).map((warning) => `Warning: ${warning}.`),
      ...comparison.notRun.map((what) => `Not run: ${what}.`),
      'Everything shared this machine. Commits are a lower bound of syncs; Kvorum does not count these yet.',
    ].join('\n'),
  };
}

const rowTables = (comparison: Comparison): string[] =>
  comparison.rows.length === 0 ? [] : ['', comparisonTable(comparison), '', insideTable(comparison)];

function headLines({ machine, options, load, commit, changed }: Header, spread: number): string[] {
  const { nodes, shards, replicas, keys, valueBytes, seconds, rounds } = options;
  const percent = isNaN(spread)
    ? 'unknown, without two rounds of an echo'
    : `${Math.round(100 * spread)} % between rounds of the echo`;
  return [
    machineLine(machine),
    `Kvorum ${commit}${changed ? ' with changes' : ''}: ${nodes} nodes, ${shards} shards × ${replicas}; ${keys} keys, ` +
      `${valueBytes}-byte values; ${rounds} × ${seconds} s, medians; load by ${load}; noise: ${percent}`,
    ...diskWarning(machine),
  ];
}

const diskWarning = ({ diskInMemory }: Machine): string[] =>
  diskInMemory ? ['Warning: the data was in memory, not on a disk: choose another place with --dir.'] : [];

const pacedLines = ({ paced }: Comparison): string[] =>
  paced.flatMap(({ operation, rate, kvorum, etcd }) => [
    '',
    `${OPERATION_LABELS[operation]} at ${Math.round(rate).toLocaleString('en')}/s, where etcd gRPC saturates with 64 clients: ` +
      `p99 ${kvorum.p99Ms.toFixed(2)} ms (${Math.round(kvorum.opsPerSecond).toLocaleString('en')}/s done), ` +
      `etcd's own ${etcd.p99Ms.toFixed(2)} ms`,
  ]);

const ownRowLines = ({ scan, expiry }: Comparison): string[] => [
  ...(scan === undefined ? [] : ['', scanLine(scan)]),
  ...(expiry === undefined ? [] : ['', expiryLine(expiry)]),
];

const scanLine = ({ keys, valueBytes, kvorum, sqlite }: ScanResult): string =>
  `scan of ${whole(keys)} keys of ${valueBytes} bytes: ${whole(kvorum)} keys/s, SQLite in one process ${whole(sqlite)} keys/s`;

const expiryLine = ({ keys, goneAfterS, p99Ratio, rounds }: ExpiryResult): string => {
  const [before, then] = [rounds.map((round) => round.p99BeforeMs), rounds.map((round) => round.p99ThenMs)];
  return (
    `expiry of ${whole(keys)} keys at once: gone after ${goneAfterS.toFixed(2)} s; ` +
    `p99 of 64 clients ${each(before, 1)} ms before and ${each(then, 1)} ms then, ${p99Ratio.toFixed(2)}×`
  );
};

const embeddedLines = ({ embedded }: Comparison): string[] => {
  if (embedded === undefined) return [];
  const [puts, gets] = [embedded.put, embedded.get].map((rate) => Math.round(rate).toLocaleString('en'));
  return ['', `embedded, in memory, 3 nodes, 256 callers: ${puts ?? ''} puts/s, ${gets ?? ''} gets/s`];
};

function chartOf({ rows }: Comparison, { date, commit, machine }: Header): string {
  const measured = new Set(rows.flatMap(({ targets }) => Object.keys(targets)));
  const series = Object.fromEntries(Object.entries(COLOURS).filter(([name]) => measured.has(name)));
  return drawChart({
    title: 'Operations in a second',
    subtitle: `servers and load together on one machine of ${machine.cores} cores; ${date.slice(0, 10)}, commit ${commit}; more is better`,
    series,
    groups: rows.map(({ row, targets }) => ({
      label: `${OPERATION_LABELS[row.operation]}, ${row.clients}`,
      bars: Object.keys(series).flatMap((name) => {
        const figures = targets[name as keyof typeof targets];
        return figures === undefined ? [] : [{ series: name, value: figures.opsPerSecond }];
      }),
    })),
  });
}

type Marks = readonly [floor: number, aim: number];

const more = (name: string, [floor, aim]: Marks, unit = '×'): Goal => ({ name, better: 'more', floor, aim, unit });
const less = (name: string, [floor, aim]: Marks, unit = '×'): Goal => ({ name, better: 'less', floor, aim, unit });

const SIDE_LABELS = { put: 'puts', get: 'linearizable gets' } as const;
type Side = keyof typeof SIDE_LABELS;

/** Throughput, as a multiple of another target's. */
const THROUGHPUT: readonly (readonly [TargetName, string, Readonly<Record<Side, Marks>>, readonly number[]])[] = [
  ['etcd-grpc', 'etcd gRPC', { put: [1.5, 2.5], get: [2, 3.5] }, [64, 256]],
  ['etcd-gateway', 'etcd gateway', { put: [2, 3.5], get: [3.5, 6] }, [64, 256]],
  ['echo', 'node:http echo', { put: [0.2, 0.4], get: [0.4, 0.65] }, [64]],
];
const ONE_CLIENT: Readonly<Record<Side, Marks>> = { put: [1, 0.7], get: [0.8, 0.5] };
const CPU: Marks = [1.2, 0.7];
/** How much CPU a new feature may cost those who do not use it. */
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
    ...THROUGHPUT.flatMap(([other, label, marks, clients]) =>
      sides.flatMap((side) =>
        clients.map((count) =>
          judge(
            more(`${SIDE_LABELS[side]} of ${count} clients vs ${label}`, marks[side]),
            ratio(side, count, other, ({ opsPerSecond }) => opsPerSecond),
          ),
        ),
      ),
    ),
    ...sides.map((side) =>
      judge(
        less(`p50 of one client's ${SIDE_LABELS[side]} vs etcd gRPC`, ONE_CLIENT[side]),
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
        more(`embedded, in memory, 256 callers: ${SIDE_LABELS[side]}`, EMBEDDED[side], '/s'),
        comparison.embedded?.[side] ?? NaN,
        'full runs without --rows do',
      ),
    ),
    ...dataGoals(comparison),
  ];
}

/** Floor and aim are the same: below etcd's. */
function pacedGoal(side: Side, { paced }: Comparison): JudgedGoal {
  const found = paced.find(({ operation }) => operation === side);
  return judge(
    less(`p99 of ${SIDE_LABELS[side]} at the rate where etcd gRPC saturates, vs its own`, [1, 0.5]),
    found === undefined ? NaN : found.kvorum.p99Ms / found.etcd.p99Ms,
    'full runs with --vs etcd do',
  );
}

const worstLoopDelay = (rows: readonly RowResult[]): number => {
  const delays = rows
    .filter(({ row }) => row.operation === 'put')
    .flatMap(({ targets: { kvorum } }) => kvorum?.loopDelayP99Ms ?? [])
    .filter((delay) => !isNaN(delay));
  return delays.length === 0 ? NaN : Math.max(...delays);
};

const whole = (value: number): string => (isNaN(value) ? '–' : Math.round(value).toLocaleString('en'));
const fixed = (value: number, digits: number): string => (isNaN(value) ? '–' : value.toFixed(digits));
const percent = (share: number): string => (isNaN(share) ? '–' : `${Math.round(100 * share)} %`);
const each = (values: readonly number[], digits: number): string =>
  values.length === 0 ? '–' : values.map((value) => fixed(value, digits)).join(' / ');

/** A load that uses more of a core than this may be what is measured. */
export const BUSY_LOAD = 0.85;
/** The load generator may also be what is measured if Kvorum gets this close to a server that does nothing. */
const CLOSE_TO_ECHO = 0.9;

const present = ({ targets }: RowResult): TargetName[] => TARGETS.filter((name) => targets[name] !== undefined);

export function comparisonTable({ rows }: Comparison): string {
  const header = ['', 'clients', 'of', 'ops/s', 'kvorum is', 'p50 ms', 'p99 ms', 'p99.9 ms', 'CPU s/1,000', 'load CPU'];
  const lines = rows.flatMap((result) =>
    present(result).map((name, i) => {
      const figures = result.targets[name];
      if (figures === undefined) return [];
      const ratio = (result.targets.kvorum?.opsPerSecond ?? NaN) / figures.opsPerSecond;
      return [
        i === 0 ? OPERATION_LABELS[result.row.operation] : '',
        i === 0 ? String(result.row.clients) : '',
        name,
        whole(figures.opsPerSecond),
        name === 'kvorum' ? '' : `${fixed(ratio, 2)}×`,
        fixed(figures.p50Ms, 2),
        fixed(figures.p99Ms, 2),
        fixed(figures.p999Ms, 2),
        fixed(figures.cpuSecondsPer1000, 3),
        percent(figures.loadCpuShare),
        figures.failures === 0 ? '' : `${figures.failures} FAILED`,
      ];
    }),
  );
  return table([...header, ''], lines);
}

/** The servers' own counters. */
export function insideTable({ rows }: Comparison): string {
  const header = ['', 'clients', 'of', 'commits/s', 'entries each', 'written/byte', 'loop delay p99 ms', 'RSS MiB'];
  const lines = rows.flatMap((result) =>
    present(result).flatMap((name) => {
      const f = result.targets[name];
      if (f === undefined || f.residentMiB.length === 0) return [];
      const { operation, clients } = result.row;
      const inside = [whole(f.commitsPerSecond), fixed(f.entriesPerCommit, 1), fixed(f.writtenPerByte, 1)];
      return [
        [
          OPERATION_LABELS[operation],
          String(clients),
          name,
          ...inside,
          each(f.loopDelayP99Ms, 1),
          each(f.residentMiB, 0),
        ],
      ];
    }),
  );
  return table(header, lines);
}

/** Reasons to doubt the figures. */
export function warnings({ rows }: Comparison): string[] {
  return rows.flatMap((result) => {
    const row = `${OPERATION_LABELS[result.row.operation]}, ${result.row.clients} clients`;
    const busy = present(result).filter((name) => (result.targets[name]?.loadCpuShare ?? 0) > BUSY_LOAD);
    const { kvorum, echo } = result.targets;
    const close = (kvorum?.opsPerSecond ?? 0) > CLOSE_TO_ECHO * (echo?.opsPerSecond ?? Infinity);
    return [
      ...busy.map((name) => `${row}, ${name}: the load generator was busy; the server may be able to do more`),
      ...(close ? [`${row}: nearly as fast as the echo; the load generator may be what was measured`] : []),
    ];
  });
}

/**
 * Spread of the echo's rounds as a share of their median: the machine's noise, on a server that does nothing. NaN:
 * unknown.
 */
export function noise({ rows }: Comparison): number {
  const spreads = rows.flatMap(({ targets: { echo } }) =>
    echo === undefined || echo.rounds.length < 2
      ? []
      : [(Math.max(...echo.rounds) - Math.min(...echo.rounds)) / echo.opsPerSecond],
  );
  return spreads.length === 0 ? NaN : Math.max(...spreads);
}
