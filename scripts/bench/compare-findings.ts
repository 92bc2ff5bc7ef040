/** What the usual run found, for people and for programs. */
import { table } from '../support/table.js';
import { drawChart } from './chart.js';
import { compareGoals } from './compare-goals.js';
import type { Comparison } from './compare.js';
import { GOAL_HEADER, goalLines } from './goals.js';
import { machineLine, type Machine } from './machine.js';
import { comparisonTable, insideTable, noise, warnings } from './report.js';
import type { Findings, Header } from './result.js';
import { SAID } from './workload.js';

/** SQLite's writer serves nobody; beside servers it would mislead. */
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
      '',
      comparisonTable(comparison),
      '',
      insideTable(comparison),
      ...pacedLines(comparison),
      ...embeddedLines(comparison),
      '',
      table(GOAL_HEADER, goalLines(goals)),
      '',
      ...warnings(comparison).map((warning) => `Beware: ${warning}.`),
      ...comparison.notRun.map((what) => `Not run: ${what}.`),
      'Everything shared this machine. Commits are a lower bound of syncs; Kvorum does not count these yet.',
    ].join('\n'),
  };
}

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
  diskInMemory ? ['Beware: the data was in memory, not on a disk: choose another place with --dir.'] : [];

const pacedLines = ({ paced }: Comparison): string[] =>
  paced.flatMap(({ operation, rate, kvorum, etcd }) => [
    '',
    `${SAID[operation]} at ${Math.round(rate).toLocaleString('en')}/s, where etcd gRPC saturates with 64 clients: ` +
      `p99 ${kvorum.p99Ms.toFixed(2)} ms (${Math.round(kvorum.opsPerSecond).toLocaleString('en')}/s done), ` +
      `etcd's own ${etcd.p99Ms.toFixed(2)} ms`,
  ]);

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
      label: `${SAID[row.operation]}, ${row.clients}`,
      bars: Object.keys(series).flatMap((name) => {
        const figures = targets[name as keyof typeof targets];
        return figures === undefined ? [] : [{ series: name, value: figures.opsPerSecond }];
      }),
    })),
  });
}
