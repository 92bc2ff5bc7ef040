/**
 * How the cost of an operation grows with one number at a time, all others as usual.
 *
 * Each point is a cluster of its own, started anew for each round, the points in turn, so that none of them has the
 * quiet hour of the machine to itself. Clients need no other cluster, and keys have a file of their own.
 */
import type { Context } from './context.js';
import type { HttpDriver } from './http-target.js';
import { KvorumCluster, type ClusterShape } from './kvorum-cluster.js';
import { KvorumTarget } from './kvorum-target.js';
import { measure, medians, type Figures } from './measure.js';
import type { Dimension, Options } from './options.js';
import { measureKeys, type KeysResult } from './scale-keys.js';

export interface ScalePoint {
  readonly at: number;
  readonly put: Figures;
  readonly get: Figures;
}

export type ScaleResult = Partial<Record<Exclude<Dimension, 'keys'>, readonly ScalePoint[]>> & {
  readonly keys?: KeysResult;
};

export const SIDES = ['put', 'get'] as const;
const CLIENTS = 64;
/** Of each side; a fresh node first compiles, the more nodes the longer. */
const WARM_UP_S = 3;
const POINTS = {
  shards: [1, 16, 64, 256],
  nodes: [3, 5, 9],
  replicas: [1, 3, 5],
  value: [64, 1_024, 16_384, 65_536, 262_144],
  clients: [1, 4, 16, 64, 256, 1_024],
} as const satisfies Record<Exclude<Dimension, 'keys'>, readonly number[]>;
/** With so many nodes at each number of replicas, only the replicas differ. */
const NODES_FOR_REPLICAS = 5;
/** Of all values together: large ones are fewer. */
const MOST_VALUE_BYTES = 128 * 1024 * 1024;

export async function scale(options: Options, context: Context, driver: HttpDriver): Promise<ScaleResult> {
  const result: Record<string, unknown> = {};
  for (const dimension of options.dimensions) {
    context.say(`cost by ${dimension}`);
    if (dimension === 'keys') result[dimension] = await measureKeys(options, context, driver);
    else if (dimension === 'clients') result[dimension] = await byClients(options, context, driver);
    else result[dimension] = await byShape(dimension, options, context, driver);
  }
  return result;
}

interface Place extends ClusterShape {
  readonly keys: number;
  readonly valueBytes: number;
}

export function placeOf(dimension: Exclude<Dimension, 'keys' | 'clients'>, at: number, options: Options): Place {
  const { nodes, replicas, shards, keys, valueBytes } = options;
  const usual = { nodes, replicas, shards, keys, valueBytes };
  switch (dimension) {
    case 'shards':
      return { ...usual, shards: at };
    case 'nodes':
      return { ...usual, nodes: at, replicas: Math.min(3, at) };
    case 'replicas':
      return { ...usual, nodes: NODES_FOR_REPLICAS, replicas: at };
    case 'value':
      return { ...usual, valueBytes: at, keys: Math.min(keys, Math.floor(MOST_VALUE_BYTES / at)) };
  }
}

type Rounds = Readonly<Record<(typeof SIDES)[number], Figures[]>>;

async function byShape(
  dimension: Exclude<Dimension, 'keys' | 'clients'>,
  options: Options,
  context: Context,
  driver: HttpDriver,
): Promise<ScalePoint[]> {
  const points = POINTS[dimension].map((at) => ({ at, rounds: { put: [], get: [] } }));
  for (let round = 1; round <= options.rounds; round++) {
    for (const { at, rounds } of points) {
      const place = placeOf(dimension, at, options);
      const cluster = await KvorumCluster.start(place, context);
      const target = new KvorumTarget(cluster, { ...driver, data: place });
      await target.side.preload();
      for (const operation of SIDES) await target.drive({ operation, clients: CLIENTS }, WARM_UP_S);
      await measureSides(target, CLIENTS, rounds, { ...options, valueBytes: place.valueBytes });
      tell(context, `${dimension} ${at} ${round}/${options.rounds}`, rounds);
      await cluster.stop();
    }
  }
  return points.map(point);
}

async function byClients(options: Options, context: Context, driver: HttpDriver): Promise<ScalePoint[]> {
  const cluster = await KvorumCluster.start(options, context);
  const target = new KvorumTarget(cluster, driver);
  await target.side.preload();
  for (const operation of SIDES) await target.drive({ operation, clients: CLIENTS }, WARM_UP_S);
  const points = POINTS.clients.map((at) => ({ at, rounds: { put: [], get: [] } }));
  for (let round = 1; round <= options.rounds; round++) {
    for (const { at, rounds } of points) {
      await measureSides(target, at, rounds, options);
      tell(context, `clients ${at} ${round}/${options.rounds}`, rounds);
    }
  }
  await cluster.stop();
  return points.map(point);
}

export async function measureSides(
  target: KvorumTarget,
  clients: number,
  rounds: Rounds,
  { seconds, valueBytes }: Pick<Options, 'seconds' | 'valueBytes'>,
): Promise<void> {
  for (const operation of SIDES) {
    rounds[operation].push(await measure(target, { row: { operation, clients }, seconds, valueBytes }));
  }
}

const point = ({ at, rounds }: { at: number; rounds: Rounds }): ScalePoint => ({
  at,
  put: medians(rounds.put),
  get: medians(rounds.get),
});

function tell({ say }: Context, what: string, rounds: Rounds): void {
  const [put, get] = SIDES.map((side) => Math.round(rounds[side].at(-1)?.opsPerSecond ?? NaN).toLocaleString('en'));
  say(`${what}: ${put ?? ''} puts/s, ${get ?? ''} gets/s`);
}
