/** The machine that a result was measured on, and how fast its disk syncs: figures mean little without. */
import { closeSync, fdatasyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { isInMemory } from './context.js';
import { percentile } from './latencies.js';

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly kernel: string;
  readonly node: string;
  readonly memoryGiB: number;
  /** Processes that wanted to run in the last minute, before anything of ours did. */
  readonly loadAverage: number;
  readonly diskInMemory: boolean;
  /** 4 KiB written and synced by fdatasync(2), in milliseconds. */
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

/** Room that is free there, in bytes. */
export function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

export const machineLine = (m: Machine): string =>
  `${m.cores} cores (${m.cpu}), ${m.memoryGiB} GiB, Linux ${m.kernel}, Node ${m.node}; ` +
  `a sync takes ${m.syncP50Ms.toFixed(2)} ms (p99 ${m.syncP99Ms.toFixed(2)}); load average before: ${m.loadAverage.toFixed(1)}`;
