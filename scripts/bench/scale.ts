/**
 * How the cost of an operation grows with one parameter at a time, all others at their defaults.
 *
 * Each point is a cluster of its own, restarted for each round, the points in turn, so that none of them gets the quiet
 * times of the machine to itself. Clients are varied on one cluster; keys are added to one that grows.
 */
import { type Context, freeBytes } from './context.js';
import type { HttpDriver } from './target.js';
import { type ClusterShape, KvorumCluster, KvorumTarget } from './kvorum.js';
import { type Figures, measure, medians } from './measure.js';
import type { Dimension, Options } from './options.js';

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
/** For puts and for gets, each: a fresh node compiles first, and more nodes take longer. */
const WARM_UP_S = 3;
const POINTS = {
  shards: [1, 16, 64, 256],
  nodes: [3, 5, 9],
  replicas: [1, 3, 5],
  value: [64, 1_024, 16_384, 65_536, 262_144],
  clients: [1, 4, 16, 64, 256, 1_024],
} as const satisfies Record<Exclude<Dimension, 'keys'>, readonly number[]>;
/** The same for each number of replicas, so that only the replicas differ. */
const NODES_FOR_REPLICAS = 5;
/** Total size of all values: there are fewer of the large ones. */
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

interface Setup extends ClusterShape {
  readonly keys: number;
  readonly valueBytes: number;
}

export function setupOf(dimension: Exclude<Dimension, 'keys' | 'clients'>, at: number, options: Options): Setup {
  const { nodes, replicas, shards, keys, valueBytes } = options;
  const defaults = { nodes, replicas, shards, keys, valueBytes };
  switch (dimension) {
    case 'shards':
      return { ...defaults, shards: at };
    case 'nodes':
      return { ...defaults, nodes: at, replicas: Math.min(3, at) };
    case 'replicas':
      return { ...defaults, nodes: NODES_FOR_REPLICAS, replicas: at };
    case 'value':
      return { ...defaults, valueBytes: at, keys: Math.min(keys, Math.floor(MOST_VALUE_BYTES / at)) };
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
      const setup = setupOf(dimension, at, options);
      const cluster = await KvorumCluster.start(setup, context);
      const target = new KvorumTarget(cluster, { ...driver, data: setup });
      await target.side.preload();
      for (const operation of SIDES) await target.drive({ operation, clients: CLIENTS }, WARM_UP_S);
      await measureSides(target, CLIENTS, rounds, { ...options, valueBytes: setup.valueBytes });
      logRound(context, `${dimension} ${at} ${round}/${options.rounds}`, rounds);
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
      logRound(context, `clients ${at} ${round}/${options.rounds}`, rounds);
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

function logRound({ say }: Context, what: string, rounds: Rounds): void {
  const [put, get] = SIDES.map((side) => Math.round(rounds[side].at(-1)?.opsPerSecond ?? NaN).toLocaleString('en'));
  say(`${what}: ${put ?? ''} puts/s, ${get ?? ''} gets/s`);
}

export interface KeysPoint {
  readonly keys: number;
  readonly put: Figures;
  readonly get: Figures;
  /** The cluster with the default number of keys, measured at the same time. */
  readonly besidePut: Figures;
  readonly besideGet: Figures;
}

export interface KeysResult {
  readonly points: readonly KeysPoint[];
  /** With the most keys: after kill -9 of all nodes, from their restart until the router serves every shard. */
  readonly clusterRestartMs: number;
  /** The same of one node, until it is ready. */
  readonly nodeRestartMs: number;
  /** Sizes for which the disk had too little room. */
  readonly notRun: readonly string[];
}

const SIZES = [10_000, 100_000, 1_000_000, 5_000_000];
const KEYS_WARM_UP_S = 2;
const PROGRESS_EVERY = 250_000;
/** Bytes on disk of all nodes together per byte of values and keys: replicas, journal, checkpoints being written. */
const ROOM_FACTOR = 12;

/**
 * What many keys cost: a cluster that grows, and one that keeps the default number of keys, measured in turn at each
 * size; at the end the large one is killed and restarted.
 */
async function measureKeys(options: Options, context: Context, driver: HttpDriver): Promise<KeysResult> {
  const { valueBytes } = options;
  const wanted = SIZES.filter((size) => size <= options.mostKeys);
  const fits = (size: number): boolean => size * valueBytes * ROOM_FACTOR < freeBytes(context.folder);
  const sizes = wanted.filter(fits);
  const notRun = wanted.filter((size) => !fits(size)).map((size) => `${size} keys: too little room on the disk`);
  const [base = 0] = SIZES;
  const beside = new KvorumTarget(await KvorumCluster.start(options, context), {
    ...driver,
    data: { ...driver.data, keys: base, valueBytes },
  });
  const cluster = await KvorumCluster.start(options, context);
  await beside.side.preload();
  const points: KeysPoint[] = [];
  let known = 0;
  for (const keys of sizes) {
    context.say(`putting keys ${known} to ${keys} there`);
    const target = new KvorumTarget(cluster, { ...driver, data: { ...driver.data, keys, valueBytes } });
    await target.side.preload(known, (there) => {
      if (there % PROGRESS_EVERY === 0) context.say(`${there} keys are there`);
    });
    known = keys;
    points.push(await measurePoint(keys, { target, beside }, options, context));
  }
  await beside.stop();
  context.say('killing all nodes, and starting them again');
  const restarts = await measureRestarts(cluster);
  await cluster.stop();
  return { points, ...restarts, notRun };
}

interface Pair {
  readonly target: KvorumTarget;
  readonly beside: KvorumTarget;
}

async function measurePoint(keys: number, pair: Pair, options: Options, { say }: Context): Promise<KeysPoint> {
  for (const target of [pair.target, pair.beside]) {
    for (const operation of SIDES) await target.drive({ operation, clients: CLIENTS }, KEYS_WARM_UP_S);
  }
  const rounds = { put: [] as Figures[], get: [] as Figures[] };
  const besideRounds = { put: [] as Figures[], get: [] as Figures[] };
  for (let round = 1; round <= options.rounds; round++) {
    await measureSides(pair.beside, CLIENTS, besideRounds, options);
    await measureSides(pair.target, CLIENTS, rounds, options);
    const [put, get] = SIDES.map((side) => Math.round(rounds[side].at(-1)?.opsPerSecond ?? NaN));
    say(`keys ${keys} ${round}/${options.rounds}: ${put ?? ''} puts/s, ${get ?? ''} gets/s`);
  }
  const [besidePut, besideGet] = [medians(besideRounds.put), medians(besideRounds.get)];
  return { keys, put: medians(rounds.put), get: medians(rounds.get), besidePut, besideGet };
}

async function measureRestarts(
  cluster: KvorumCluster,
): Promise<Pick<KeysResult, 'clusterRestartMs' | 'nodeRestartMs'>> {
  await cluster.killNode(1);
  const oneAt = performance.now();
  await cluster.startNode(1);
  const nodeRestartMs = performance.now() - oneAt;
  await cluster.ready();
  await cluster.killNodes();
  const allAt = performance.now();
  cluster.startNodes();
  await cluster.ready();
  return { nodeRestartMs, clusterRestartMs: performance.now() - allAt };
}
