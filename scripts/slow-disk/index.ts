/**
 * Builds the shim that makes a node's disk slow and sets its date: `LD_PRELOAD=$(…)` before `kvorum start --faults` or
 * `kvorum node`.
 *
 * With the shim loaded, a file `slow-sync` in a node's data folder delays every sync of its files by the number of
 * milliseconds in it; see slow-sync.c, and stepped-clock.c for dates. Linux with a C compiler only.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { messageOf } from '../../src/thrown.js';

const SOURCES = ['./slow-sync.c', './stepped-clock.c'].map((name) => fileURLToPath(new URL(name, import.meta.url)));
/** The usual place for what a project's tools can rebuild. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/kvorum', import.meta.url));
const FLAGS = ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror'];

export interface ShimOptions {
  /** The C compiler; `$CC`, or else `cc`. */
  readonly compiler?: string;
  /** Called with the reason if it cannot be built; default: prints it on standard error. */
  readonly say?: (message: string) => void;
}

/**
 * The path of the shared object, for LD_PRELOAD; undefined, with the reason reported, where it cannot be built.
 * Compiled once for each version of its source and compiler.
 */
export async function buildSlowDiskShim(options: ShimOptions = {}): Promise<string | undefined> {
  const { compiler = process.env['CC'] ?? 'cc', say = console.error } = options;
  if (process.platform !== 'linux') {
    say(`no slow disk here: the shim needs Linux, this is ${process.platform}`);
    return undefined;
  }
  const hash = createHash('sha256').update([compiler, process.arch, ...FLAGS].join(' '));
  for (const source of SOURCES) hash.update(readFileSync(source));
  const shim = join(CACHE, `slow-sync-${hash.digest('hex').slice(0, 16)}.so`);
  if (existsSync(shim)) return shim;
  mkdirSync(CACHE, { recursive: true });
  // Renamed when complete: two scripts may build it at once.
  const unfinished = `${shim}.${process.pid}`;
  try {
    await promisify(execFile)(compiler, [...FLAGS, '-o', unfinished, ...SOURCES, '-ldl']);
    renameSync(unfinished, shim);
    return shim;
  } catch (error) {
    rmSync(unfinished, { force: true });
    const reason = messageOf(error);
    say(`no slow disk here: the shim could not be compiled: ${reason.trim()}`);
    return undefined;
  }
}
