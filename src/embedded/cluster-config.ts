/**
 * The configuration of an embedded cluster, kept as `cluster.json` in `dataDir`, so that the folder always opens as the
 * same cluster.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import {
  FORMATS,
  KvorumError,
  isNoSpace,
  makeFolder,
  numberWritten,
  reads,
  removeFolders,
  unknownNumber,
  folderProblem,
  writeAtomically,
  type ClusterConfig,
} from '../shard/index.js';
import type { CheckedOptions } from './options.js';

const CONFIG_FILE = 'cluster.json';
const { embeddedConfig } = FORMATS;

const whole = z.int().min(1);
const configSchema = z.object({ clusterId: z.string().min(1), nodes: whole, replicas: whole, shards: whole });
/** The first builds wrote no format number; of a later format only the number has to be readable. */
const anyFormat = z.object({ format: z.number().optional() });

/**
 * The configuration in `dataDir`, written there first if the folder has none; `freshId` is the id of a new cluster.
 * @throws RangeError when the folder has a format that this build cannot read, or holds a cluster with another number
 *   of nodes, replicas or shards; KvorumError with nothing written when the folder cannot be used or `cluster.json` is
 *   damaged: `disk-full` if there is no space, `storage-failed` otherwise.
 */
export function readOrCreateConfig(
  options: CheckedOptions,
  freshId: string,
  write: WriteFile = writeConfig,
): ClusterConfig {
  const { nodes, replicas, shards, dataDir } = options;
  const withId = (clusterId: string): ClusterConfig => ({
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
  if (dataDir === undefined) return withId(freshId);
  const file = join(dataDir, CONFIG_FILE);
  const fresh = { format: numberWritten(embeddedConfig), clusterId: freshId, nodes, replicas, shards };
  const text = inFolder(dataDir, () => readOrWrite(file, JSON.stringify(fresh), write));
  if (text === undefined) return withId(freshId);
  const kept = read(file, text);
  for (const field of ['nodes', 'replicas', 'shards'] as const) {
    const [value, made] = [options[field], kept[field]];
    if (made !== value) throw new RangeError(`${field} is ${value}, but ${dataDir} holds a cluster made with ${made}`);
  }
  return withId(kept.clusterId);
}

function read(file: string, text: string): z.infer<typeof configSchema> {
  const value = parsed(text);
  const { data: { format } = {} } = anyFormat.safeParse(value);
  if (format !== undefined && !reads(embeddedConfig, format)) {
    throw new RangeError(`${file}: ${unknownNumber(embeddedConfig, format)}`);
  }
  const { success, data, error } = configSchema.safeParse(value);
  if (success) return data;
  const field = error.issues[0]?.path.join('.') ?? '';
  const what = field === '' ? 'is no JSON object' : `holds no valid ${field}`;
  const remedy =
    'nothing was written; restore it from a copy, for nothing else names the cluster that the data belongs to';
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
    const why = folderProblem(resolve(dataDir), error);
    if (why === undefined) throw error;
    const code = isNoSpace(error) ? 'disk-full' : 'storage-failed';
    const failed = new KvorumError(code, `dataDir: ${why}; nothing was written`, { field: 'dataDir' });
    failed.cause = error;
    throw failed;
  }
}

/**
 * The text of the file; undefined if it was absent and `text` was written. A failed write leaves no file or folder
 * behind.
 */
function readOrWrite(file: string, text: string, write: WriteFile): string | undefined {
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

type WriteFile = (file: string, text: string) => void;

/** Writes atomically and durably: without the cluster's id the data of its nodes could not be opened. */
const writeConfig: WriteFile = (file, text) => {
  writeAtomically(file, text, { temporary: temporaryOf(file) });
};
