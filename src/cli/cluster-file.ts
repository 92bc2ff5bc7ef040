/**
 * The record of a local cluster, kept between starts: `cluster.json` in its data folder. The numbers of shards and
 * replicas are fixed when a cluster is created; a start with others is refused.
 *
 * Also locks the folder for one supervisor at a time. Decided: a file with the process id, which the next start takes
 * over if that process is gone. Instead of: `proper-lockfile`, which keeps a lock by touching it: after kill -9 the
 * next start would wait 10 s until the lock is stale, and a supervisor that is paused that long would lose it. The
 * data itself does not depend on this lock: each node locks its own folder by SQLite, a lock that the system releases
 * with the process (`raft/storage/disk/data-folder.ts`); this one gives the earlier and better message, which names the
 * process.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { v7 as freshUuid } from 'uuid';
import { z } from 'zod';
import { ConfigError, flagName, type StartConfig } from '../config/index.js';
import { isNoSpace, makeFolder, removeFolders, folderProblem, writeAtomically } from '../shard/index.js';

const port = z.int().min(1).max(65_535);
const schema = z.object({
  version: z.literal(1),
  clusterId: z.uuid(),
  nodes: z.int().min(1).max(9),
  shards: z.int().min(1),
  replicas: z.int().min(1),
  /** In the order of the nodes; used again if still free. */
  ports: z.array(z.object({ peer: port, http: port })),
});

export type ClusterRecord = z.infer<typeof schema>;

const FILE = 'cluster.json';
const LOCK = 'supervisor.pid';
const OWN_ENTRY = /^(?:(?:cluster|faults)\.json(?:\.tmp)?|supervisor\.pid|logs|n[1-9](?:\.(?:kept|copy|stray))?)$/;
/** Created by a fault beside a node's folder; `kept` and `copy` belong to `src/faults/node-folders.ts`. */
export const folderBeside = (dataDir: string, name: string, what: 'stray'): string => join(dataDir, `${name}.${what}`);

export const nodeName = (index: number): string => `n${index + 1}`;

/** The folder of an existing cluster has to be written to, and its disk is full: a later try may succeed. */
export class ClusterDiskFull extends Error {}

/**
 * Locks the folder and records the nodes' ports in it; an unchanged record is not written.
 * @throws ConfigError if the folder holds something else, or a cluster with other numbers; ClusterDiskFull; an
 *   Error that explains why the folder cannot be used. Nothing that it created is left then.
 */
export async function claimClusterFolder(
  config: StartConfig,
  choosePorts: (earlier: ClusterRecord) => Promise<ClusterRecord['ports']>,
  write: typeof writeFileSync = writeFileSync,
): Promise<ClusterRecord> {
  const { dataDir } = config;
  const folder = resolve(dataDir);
  let made: readonly string[] = [];
  let isHeld = false;
  try {
    made = makeFolder(folder);
    lock(dataDir, write);
    isHeld = true;
    const earlier = openRecord(config);
    const record = { ...earlier, ports: await choosePorts(earlier) };
    if (!isDeepStrictEqual(record, read(dataDir))) saveClusterRecord(dataDir, record, write);
    return record;
  } catch (error) {
    if (isHeld) releaseClusterFolder(dataDir);
    removeFolders(made);
    const why = folderProblem(folder, error);
    if (why === undefined) throw error;
    // A start that deletes the data does not wait for room.
    if (isNoSpace(error) && !config.fresh && existsSync(join(dataDir, FILE)))
      throw new ClusterDiskFull(why, { cause: error });
    throw new Error(`${why}; nothing was written`, { cause: error });
  }
}

/** The record of an earlier start, or a new one that is not written yet. Deletes the earlier data under `fresh`. */
function openRecord(config: StartConfig): ClusterRecord {
  if (config.fresh) empty(config.dataDir);
  const earlier = read(config.dataDir);
  if (earlier === undefined) {
    const { nodes, shards, replicas } = config;
    return { version: 1, clusterId: freshUuid(), nodes, shards, replicas, ports: [] };
  }
  for (const field of ['nodes', 'shards', 'replicas'] as const) {
    if (config.explicit.has(field) && config[field] !== earlier[field]) {
      throw new ConfigError(
        field,
        `${flagName(field)} ${config[field]} contradicts the data in ${config.dataDir}, made with ${field}=${earlier[field]}; ` +
          `leave the option out, choose another --data folder, or throw the data away with --fresh`,
      );
    }
  }
  return earlier;
}

/** Atomic, also across a power cut. */
export function saveClusterRecord(dataDir: string, record: ClusterRecord, write = writeFileSync): void {
  const file = join(dataDir, FILE);
  writeAtomically(file, `${JSON.stringify(record, null, 2)}\n`, { temporary: `${file}.tmp`, write });
}

export function releaseClusterFolder(dataDir: string): void {
  rmSync(join(dataDir, LOCK), { force: true });
}

function read(dataDir: string): ClusterRecord | undefined {
  const path = join(dataDir, FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new ConfigError('data', `${path} is damaged or of another version; restore it, or start with --fresh`);
  }
}

/** Deletes only what Kvorum created: `--data` may point at a folder that holds more. */
function empty(dataDir: string): void {
  const foreign = readdirSync(dataDir).filter((entry) => !OWN_ENTRY.test(entry));
  if (foreign.length > 0) {
    throw new ConfigError(
      'fresh',
      `--fresh refuses to empty ${dataDir}: it holds ${foreign[0] ?? ''}, which is not Kvorum's; choose another --data folder`,
    );
  }
  for (const entry of readdirSync(dataDir)) {
    if (entry !== LOCK) rmSync(join(dataDir, entry), { recursive: true });
  }
}

function lock(dataDir: string, write: typeof writeFileSync): void {
  const path = join(dataDir, LOCK);
  try {
    write(path, String(process.pid), { flag: 'wx', mode: 0o600 });
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      // There was none: if it exists now, this process created it, and the disk is full.
      if (existsSync(path)) releaseClusterFolder(dataDir);
      throw error;
    }
  }
  const holder = Number(readFileSync(path, 'utf8'));
  if (holder !== process.pid && isKvorum(holder)) {
    throw new ConfigError(
      'data',
      `another kvorum (process ${holder}) runs with the data in ${dataDir}; stop it, or choose another --data folder`,
    );
  }
  // Left by a supervisor that was killed.
  write(path, String(process.pid), { mode: 0o600 });
}

/** Process ids are reused: where there is /proc, the holder must also look like this program. */
function isKvorum(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return command.includes('cli.js') || command.includes('kvorum');
  } catch {
    return true;
  }
}
