/** The result of `--scale`: tables of text, and its goals. */
import { table } from '../support/table.js';
import { type Findings, type Goal, GOAL_HEADER, goalLines, type Header, judge, type JudgedGoal } from './result.js';
import { machineLine } from './context.js';
import type { Figures } from './measure.js';
import { DIMENSIONS, type Dimension } from './options.js';
import { type KeysPoint, type KeysResult, type ScalePoint, type ScaleResult, SIDES } from './scale.js';

const DIMENSION_LABELS: Readonly<Record<Dimension, string>> = {
  shards: 'shards',
  nodes: 'nodes, 3 replicas',
  replicas: 'replicas, 5 nodes',
  value: 'bytes of a value',
  keys: 'keys',
  clients: 'clients',
};

export function scaleFindings(result: ScaleResult, header: Header): Findings {
  const goals = scaleGoals(result);
  const tables = DIMENSIONS.flatMap((dimension) => {
    if (dimension === 'keys') return result.keys === undefined ? [] : [keysText(result.keys)];
    const points = result[dimension];
    return points === undefined ? [] : [pointsTable(DIMENSION_LABELS[dimension], points)];
  });
  return {
    data: result,
    goals,
    text: [machineLine(header.machine), ...tables, table(GOAL_HEADER, goalLines(goals))].join('\n\n'),
  };
}

const whole = (value: number): string => (isNaN(value) ? '–' : Math.round(value).toLocaleString('en'));
const figuresOf = ({ opsPerSecond, p50Ms, p99Ms, cpuSecondsPer1000, failures }: Figures): string[] => [
  whole(opsPerSecond) + (failures === 0 ? '' : ` (${failures} FAILED)`),
  p50Ms.toFixed(2),
  p99Ms.toFixed(2),
  cpuSecondsPer1000.toFixed(3),
];
const HEADER = SIDES.flatMap((side) => [`${side}s/s`, 'p50 ms', 'p99 ms', 'CPU s/1,000']);

const pointsTable = (what: string, points: readonly ScalePoint[]): string =>
  table(
    [what, ...HEADER],
    points.map(({ at, put, get }) => [at.toLocaleString('en'), ...figuresOf(put), ...figuresOf(get)]),
  );

function keysText({ points, clusterRestartMs, nodeRestartMs, notRun }: KeysResult): string {
  const besides = ['puts vs 10,000 keys', 'gets vs 10,000 keys', 'RSS MiB'];
  const lines = points.map((one) => [
    one.keys.toLocaleString('en'),
    ...figuresOf(one.put),
    ...figuresOf(one.get),
    ...SIDES.map((side) => `${(1 / slowdown(one, side)).toFixed(2)}×`),
    one.get.residentMiB.map((size) => Math.round(size)).join(' / '),
  ]);
  return [
    table([DIMENSION_LABELS.keys, ...HEADER, ...besides], lines),
    `restart to serving with the most keys: ${whole(nodeRestartMs)} ms for one node, ` +
      `${whole(clusterRestartMs)} ms for all nodes after kill -9 of all`,
    ...notRun.map((what) => `Not run: ${what}.`),
  ].join('\n');
}

/** How many times slower than the cluster with the default number of keys, measured at the same time. */
const slowdown = (one: KeysPoint, side: (typeof SIDES)[number]): number =>
  side === 'put'
    ? one.besidePut.opsPerSecond / one.put.opsPerSecond
    : one.besideGet.opsPerSecond / one.get.opsPerSecond;

const less = (name: string, floor: number, aim: number, unit: string): Goal => ({
  name,
  better: 'less',
  floor,
  aim,
  unit,
});

export const MANY_KEYS = 5_000_000;

export function scaleGoals({ shards, nodes, keys }: ScaleResult): JudgedGoal[] {
  const many = keys?.points.find((one) => one.keys === MANY_KEYS);
  const why = 'needs --scale keys with 5 million keys';
  const restart = many === undefined ? NaN : Math.max(keys?.clusterRestartMs ?? NaN, keys?.nodeRestartMs ?? NaN);
  const name = '5 million keys:';
  return [
    ...SIDES.map((side) =>
      judge(less(`CPU of a ${side}, 256 shards vs 16`, 1.5, 1.2, '×'), growth(shards, side, 16, 256)),
    ),
    ...SIDES.map((side) => judge(less(`CPU of a ${side}, 9 nodes vs 3`, 1.5, 1.2, '×'), growth(nodes, side, 3, 9))),
    judge(
      less(`${name} RSS of a node`, 600, 300, ' MB'),
      // The goal is in MB; everything else is shown in MiB.
      Math.max(...(many?.get.residentMiB ?? [NaN])) * 1.048_576,
      why,
    ),
    ...SIDES.map((side) =>
      judge(
        less(`${name} ${side}s slower than with 10,000`, 2, 1.3, '×'),
        many === undefined ? NaN : slowdown(many, side),
        why,
      ),
    ),
    judge(less(`${name} restart to serving`, 15, 5, ' s'), restart / 1_000, why),
  ];
}

function growth(
  points: readonly ScalePoint[] | undefined,
  side: (typeof SIDES)[number],
  from: number,
  to: number,
): number {
  const at = (wanted: number): number => points?.find((one) => one.at === wanted)?.[side].cpuSecondsPer1000 ?? NaN;
  return at(to) / at(from);
}
