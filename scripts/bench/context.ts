/**
 * What all parts of a run share: its folder, the clean-up, the progress log, free ports, and the machine it runs on.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, realpathSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { CleanUp } from '../support/clean-up.js';
import { percentile } from './latencies.js';

export interface Context {
  /** On the disk that is measured. Deleted at the end. */
  readonly folder: string;
  readonly cleanUp: CleanUp;
  readonly say: (text: string) => void;
}

/**
 * Progress goes to standard error. @param parent where the run's folder is created; default: the system's temporary
 * folder
 */
export function openContext(parent: string | undefined): Context {
  const startedAt = performance.now();
  const say = (text: string): void => {
    console.error(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(7)}  ${text}`);
  };
  const cleanUp = new CleanUp(say).onSignals();
  const folder = realpathSync(mkdtempSync(join(parent ?? tmpdir(), 'kvorum-bench-')));
  cleanUp.add(`delete ${folder}`, () => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  if (isInMemory(folder)) say(`${folder} is in memory, not on a disk: choose another place with --dir`);
  return { folder, cleanUp, say };
}

/** See statfs(2): TMPFS_MAGIC and RAMFS_MAGIC. */
const MEMORY_FILE_SYSTEMS: readonly number[] = [0x0102_1994, 0x8584_58f6];

export const isInMemory = (folder: string): boolean => MEMORY_FILE_SYSTEMS.includes(statfsSync(folder).type);

/** Below the range of ephemeral ports, so that no outgoing connection takes a port between two starts of a process. */
const candidates = (): number[] => Array.from({ length: 64 }, () => 20_000 + Math.floor(Math.random() * 12_000));

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  // One at a time: get-port does not return a port twice.
  while (ports.length < count) ports.push(await getPort({ port: candidates(), host: '127.0.0.1' }));
  return ports;
}

/** The machine that a result was measured on, and how fast its disk syncs: figures mean little without. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly kernel: string;
  readonly node: string;
  readonly memoryGiB: number;
  /** Load average of the last minute, before the run started anything. */
  readonly loadAverage: number;
  readonly diskInMemory: boolean;
  /** Time to write 4 KiB and sync them by fdatasync(2), in milliseconds. */
  readonly syncP50Ms: number;
  readonly syncP99Ms: number;
}

const SYNCS = 200;
const BYTES = 4096;
const GIB = 1024 ** 3;

export function describeMachine(folder: string): Machine {
  const syncs = measureSyncs(join(folder, 'sync'));
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
    kernel: release(),
    node: process.version,
    memoryGiB: Math.round(totalmem() / GIB),
    loadAverage: loadavg()[0] ?? NaN,
    diskInMemory: isInMemory(folder),
    syncP50Ms: percentile(syncs, 0.5),
    syncP99Ms: percentile(syncs, 0.99),
  };
}

function measureSyncs(path: string): Float64Array {
  const file = openSync(path, 'w');
  const page = Buffer.alloc(BYTES, 'x');
  const took = Float64Array.from({ length: SYNCS }, () => {
    const startedAt = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    return performance.now() - startedAt;
  });
  closeSync(file);
  rmSync(path);
  return took.sort();
}

export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

export const machineLine = (m: Machine): string =>
  `${m.cores} cores (${m.cpu}), ${m.memoryGiB} GiB, Linux ${m.kernel}, Node ${m.node}; ` +
  `a sync takes ${m.syncP50Ms.toFixed(2)} ms (p99 ${m.syncP99Ms.toFixed(2)}); load average before: ${m.loadAverage.toFixed(1)}`;
