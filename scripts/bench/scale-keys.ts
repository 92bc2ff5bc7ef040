/**
 * What many keys cost: a cluster that grows, beside one that keeps the usual number, measured in turn at each size; at
 * the end it is killed and started again.
 */
import type { Context } from './context.js';
import type { HttpDriver } from './http-target.js';
import { KvorumCluster } from './kvorum-cluster.js';
import { KvorumTarget } from './kvorum-target.js';
import { freeBytes } from './machine.js';
import { medians, type Figures } from './measure.js';
import type { Options } from './options.js';
import { SIDES, measureSides } from './scale.js';

export interface KeysPoint {
  readonly keys: number;
  readonly put: Figures;
  readonly get: Figures;
  /** The smaller cluster, at the same time. */
  readonly besidePut: Figures;
  readonly besideGet: Figures;
}

export interface KeysResult {
  readonly points: readonly KeysPoint[];
  /** With the most keys: kill -9 of all nodes, and from their start until the router serves every shard. */
  readonly clusterRestartMs: number;
  /** The same of one node, until it says that it is ready. */
  readonly nodeRestartMs: number;
  /** Sizes that there was no room for. */
  readonly notRun: readonly string[];
}

const SIZES = [10_000, 100_000, 1_000_000, 5_000_000];
const CLIENTS = 64;
const WARM_UP_S = 2;
const TELL_EVERY = 250_000;
/** On disk, of all nodes together, for each byte of values and keys: copies, journal, checkpoints under way. */
const ROOM_FACTOR = 12;

export async function measureKeys(options: Options, context: Context, driver: HttpDriver): Promise<KeysResult> {
  const { valueBytes } = options;
  const wanted = SIZES.filter((size) => size <= options.mostKeys);
  const fits = (size: number): boolean => size * valueBytes * ROOM_FACTOR < freeBytes(context.folder);
  const sizes = wanted.filter(fits);
  const notRun = wanted.filter((size) => !fits(size)).map((size) => `${size} keys: too little room on the disk`);
  const [base = 0] = SIZES;
  const beside = new KvorumTarget(await KvorumCluster.start(options, context), {
    ...driver,
    data: { keys: base, valueBytes },
  });
  const cluster = await KvorumCluster.start(options, context);
  await beside.side.preload();
  const points: KeysPoint[] = [];
  let known = 0;
  for (const keys of sizes) {
    context.say(`putting keys ${known} to ${keys} there`);
    const target = new KvorumTarget(cluster, { ...driver, data: { keys, valueBytes } });
    await target.side.preload(known, (there) => {
      if (there % TELL_EVERY === 0) context.say(`${there} keys are there`);
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
    for (const operation of SIDES) await target.drive({ operation, clients: CLIENTS }, WARM_UP_S);
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
