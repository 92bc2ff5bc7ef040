/** The cuts of one setting: load, SIGSTOP, cut, mount what is left, start, read back; and again. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CleanUp } from '../support/clean-up.js';
import { Random } from '../../src/random.js';
import { Cluster, type Served } from './cluster.js';
import { Image } from './image.js';
import { brokenPromises, Load } from './load.js';
import type { PowerCutOptions } from './options.js';
import { programWith, type Synchronous } from './program.js';
import { Promises, type Loss } from './promises.js';
import { LEAST_WRITES, type CutResult } from './report.js';
import { messageOf } from '../../src/thrown.js';

const MOST_WRITES = 4 * LEAST_WRITES;
const LOAD_LIMIT_MS = 120_000;
/** Only distinguishes slow from never: a busy machine may take long. */
const START_LIMIT_MS = 240_000;
const LOSSES_SHOWN = 5;

export interface Bench {
  readonly options: PowerCutOptions;
  /** A folder of the script's own. */
  readonly place: string;
  readonly cleanUp: CleanUp;
  readonly say: (message: string) => void;
}

/** A cluster on disks, with what it has promised. */
interface Site {
  readonly cluster: Cluster;
  readonly images: readonly Image[];
  readonly promises: Promises;
  remove(): Promise<void>;
}

export async function cutPower(bench: Bench, synchronous: Synchronous, onCut: (cut: CutResult) => void): Promise<void> {
  const { options, cleanUp } = bench;
  const place = join(bench.place, synchronous);
  mkdirSync(place);
  const cli = programWith(synchronous, place);
  const random = new Random(options.seed);
  let site: Site | undefined;
  for (let cut = 1; cut <= options.cuts && !cleanUp.begun; cut++) {
    site ??= await newSite(bench, synchronous !== 'FULL', cli, join(place, `from-${cut}`));
    const result = await oneCut(site, random, cut, options.clients);
    onCut(result);
    // A cluster that has lost something, or does not come up, can show nothing more.
    if (result.lost > 0 || result.toServeMs === null) {
      await site.remove();
      site = undefined;
    }
  }
  await site?.remove();
}

/**
 * @param settled stops and starts it cleanly once, so that everything created until then is on the disk. Without syncs
 * a cut would otherwise leave an empty journal, on which a node rightly refuses to start, and no writes to count.
 */
async function newSite({ options, cleanUp, say }: Bench, settled: boolean, cli: string, place: string): Promise<Site> {
  mkdirSync(place);
  const images = Array.from({ length: options.nodes }, (_, i) => new Image(place, `disk${i + 1}`));
  const removeImages = images.map((image) =>
    cleanUp.add(`remove ${image.folder}`, () => {
      image.remove();
    }),
  );
  for (const image of images) image.make();
  const folders = images.map(({ folder }) => folder);
  const cluster = await Cluster.plan({ cli, shards: options.shards, folders });
  const kill = cleanUp.add('kill the nodes', () => cluster.close());
  const site = {
    cluster,
    images,
    promises: new Promises(),
    async remove() {
      for (const undo of [kill, ...removeImages]) await undo();
      rmSync(place, { recursive: true });
    },
  };
  await comesUp(cluster, say);
  if (settled) {
    await cluster.stop();
    await comesUp(cluster, say);
  }
  return site;
}

async function comesUp(cluster: Cluster, say: Bench['say']): Promise<void> {
  const { afterMs, refusals } = await cluster.start(START_LIMIT_MS);
  if (afterMs === undefined || refusals.length > 0) {
    throw new Error(`a new cluster did not come up within ${START_LIMIT_MS} ms: ${refusals.join('\n')}`);
  }
  say(`${cluster.urls.length} nodes, each on a disk of its own, serve after ${Math.round(afterMs)} ms`);
}

async function oneCut(site: Site, random: Random, cut: number, clients: number): Promise<CutResult> {
  const { cluster, images, promises } = site;
  const before = { acknowledged: promises.acknowledged, unresolved: promises.unresolved };
  for (const image of images) image.leaveSyncedTrace(`cut ${cut}`);
  const load = new Load(cluster.urls, promises, random, cut, clients);
  try {
    await load.acknowledged(before.acknowledged + random.integer(LEAST_WRITES, MOST_WRITES), LOAD_LIMIT_MS);
    for (const image of images) image.leaveUnsyncedTrace();
    await cluster.suspend();
    for (const image of images) image.cut();
    // Not before: writes have to be in flight at the cut. Not later: a request to a dead node has a certain outcome.
    load.halt();
  } finally {
    await cluster.kill();
    await load.stop();
  }
  const acknowledged = promises.acknowledged - before.acknowledged;
  const outcomeUnknown = promises.unresolved - before.unresolved;
  for (const image of images) image.replaceByCopy();
  const badCuts = images.map((image, i) => ({ wrong: image.traces(), disk: i + 1 }));
  const faults = badCuts.flatMap(({ wrong, disk }) => (wrong === undefined ? [] : [`disk ${disk}: ${wrong}`]));
  const served = await cluster.start(START_LIMIT_MS);
  faults.push(...served.refusals.map((words) => `a node did not start again: ${words}`));
  const { lost, losses, toServeMs } = await whatIsLost(site, served, faults);
  const read = promises.keys.length;
  return { cut, acknowledged, outcomeUnknown, lost, read, toServeMs, faults, losses: losses.slice(0, LOSSES_SHOWN) };
}

/** If the keys cannot be read, the last acknowledged write of every key counts as lost. */
async function whatIsLost(
  { cluster, promises }: Site,
  served: Served,
  faults: string[],
): Promise<{ lost: number; losses: readonly Loss[]; toServeMs: number | null }> {
  const nothing = { lost: promises.made, losses: [], toServeMs: null };
  if (served.afterMs === undefined) {
    faults.push(`the cluster did not serve again (time limit ${START_LIMIT_MS} ms)`);
    return nothing;
  }
  try {
    const losses = await brokenPromises(cluster.urls, promises);
    return { lost: losses.length, losses, toServeMs: served.afterMs };
  } catch (error) {
    faults.push(messageOf(error));
    return nothing;
  }
}
