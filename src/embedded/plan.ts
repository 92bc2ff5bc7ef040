/**
 * The plan of an embedded cluster: kept in `dataDir`, so that the same folder opens as the same cluster.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
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
  writeWhole,
  type ClusterPlan,
} from '../shard/index.js';
import type { CheckedOptions } from './options.js';

const PLAN_FILE = 'cluster.json';
const { embeddedPlan } = FORMATS;

const whole = z.int().min(1);
const planSchema = z.object({ clusterId: z.string().min(1), nodes: whole, replicas: whole, shards: whole });
/** The first ones said none; what a later one says beside it this build need not understand. */
const anyFormat = z.object({ format: z.number().optional() });

/**
 * @throws RangeError when another build made the folder that this one cannot read, and when the folder holds a cluster
 *   with another number of nodes, replicas or shards; KvorumError with nothing written when it cannot be used, or what it
 *   says of the cluster is damaged: `disk-full` if that is for want of room, `storage-failed` otherwise.
 */
export function readOrMakePlan(options: CheckedOptions, freshId: string, write: Write = writePlan): ClusterPlan {
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
  const kept = read(file, text);
  for (const field of ['nodes', 'replicas', 'shards'] as const) {
    const [value, made] = [options[field], kept[field]];
    if (made !== value) throw new RangeError(`${field} is ${value}, but ${dataDir} holds a cluster made with ${made}`);
  }
  return plan(kept.clusterId);
}

function read(file: string, text: string): z.infer<typeof planSchema> {
  const value = parsed(text);
  const { data: { format } = {} } = anyFormat.safeParse(value);
  if (format !== undefined && !reads(embeddedPlan, format)) {
    throw new RangeError(`${file}: ${unknownNumber(embeddedPlan, format)}`);
  }
  const { success, data, error } = planSchema.safeParse(value);
  if (success) return data;
  const field = error.issues[0]?.path.join('.') ?? '';
  const what = field === '' ? 'is no JSON object' : `says nothing valid of ${field}`;
  const remedy =
    'nothing was written; put it back from a copy, for without it nobody knows which cluster the data is of';
  throw new KvorumError('storage-failed', `dataDir: ${file} is damaged, it ${what}; ${remedy}`, { field: 'dataDir' });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
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
function readOrWrite(file: string, text: string, write: Write): string | undefined {
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

type Write = (file: string, text: string) => void;

/** Without its id the folder's nodes are nobody's. */
const writePlan: Write = (file, text) => {
  writeWhole(file, text, { temporary: temporaryOf(file) });
};
