/**
 * The plan of an embedded cluster: kept in `dataDir`, so that the same folder opens as the same cluster.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import {
  FORMATS,
  KvorumError,
  isNoRoom,
  makeFolder,
  numberWritten,
  reads,
  removeFolders,
  unknownNumber,
  whyUnusable,
  type ClusterPlan,
} from '../shard/index.js';
import type { CheckedOptions } from './options.js';

const PLAN_FILE = 'cluster.json';
const { embeddedPlan } = FORMATS;

/**
 * @throws RangeError when another build made the folder that this one cannot read, and when the folder holds a cluster
 *   with another number of nodes, replicas or shards; KvorumError with nothing written when it cannot be used:
 *   `disk-full` if that is for want of room, `storage-failed` otherwise.
 */
export function readOrMakePlan(options: CheckedOptions, freshId: string, write = writeWhole): ClusterPlan {
  const { nodes, replicas, shards, dataDir } = options;
  const plan = (clusterId: string): ClusterPlan => ({
    clusterId,
    nodes: Array.from({ length: nodes }, (_, i) => ({
      id: i + 1,
      name: `n${i + 1}`,
      peerAddress: '',
      httpAddress: '',
    })),
    shardCount: shards,
    replicas,
    leaseReads: false,
  });
  if (dataDir === undefined) return plan(freshId);
  const file = join(dataDir, PLAN_FILE);
  const fresh = { format: numberWritten(embeddedPlan), clusterId: freshId, nodes, replicas, shards };
  const text = inFolder(dataDir, () => readOrWrite(file, JSON.stringify(fresh), write));
  if (text === undefined) return plan(freshId);
  const kept = JSON.parse(text) as Record<string, unknown>;
  // The first ones did not say it.
  const format = Number(kept['format'] ?? embeddedPlan.numbers.first);
  if (!reads(embeddedPlan, format)) throw new RangeError(`${file}: ${unknownNumber(embeddedPlan, format)}`);
  for (const [field, value] of Object.entries({ nodes, replicas, shards })) {
    if (kept[field] !== value) {
      throw new RangeError(`${field} is ${value}, but ${dataDir} holds a cluster made with ${String(kept[field])}`);
    }
  }
  if (typeof kept['clusterId'] !== 'string') throw new RangeError(`clusterId is missing in ${file}`);
  return plan(kept['clusterId']);
}

function inFolder<T>(dataDir: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const why = whyUnusable(resolve(dataDir), error);
    if (why === undefined) throw error;
    const code = isNoRoom(error) ? 'disk-full' : 'storage-failed';
    const failed = new KvorumError(code, `dataDir: ${why}; nothing was written`, { field: 'dataDir' });
    failed.cause = error;
    throw failed;
  }
}

/** What the file says; undefined: it was not there, and now says `text`. If it cannot, nothing is left of the attempt. */
function readOrWrite(file: string, text: string, write: typeof writeWhole): string | undefined {
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const made = makeFolder(resolve(dirname(file)));
  try {
    write(file, text);
    return undefined;
  } catch (error) {
    for (const path of [temporaryOf(file), file]) rmSync(path, { force: true });
    removeFolders(made);
    throw error;
  }
}

const temporaryOf = (file: string): string => `${file}.new`;

/** There whole or not at all, also after a power cut: without its id the folder's nodes are nobody's. */
function writeWhole(file: string, text: string): void {
  const temporary = temporaryOf(file);
  const fd = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, file);
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
