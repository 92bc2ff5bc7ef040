/** Options of the embedded store, and their checks: every wrong number is a RangeError that names its bound. */
import { MAX_NODES, MAX_SHARDS } from '../shard/index.js';

/**
 * Options of `new DistributedKeyValueStore(options)`. An unknown name is a TypeError. `nodes`, `replicas` and `shards`
 * are fixed when `dataDir` is created: opening it with other numbers is a RangeError.
 */
export interface StoreOptions {
  /** Nodes of the cluster, 1 to 100; default 5. */
  readonly nodes?: number;
  /** Nodes that keep each key, 1 to `nodes`; default 3, or `nodes` if fewer. */
  readonly replicas?: number;
  /** Raft groups that the keys are hashed to, 1 to 1,024; default 16. */
  readonly shards?: number;
  /**
   * Folder for SQLite files, one subfolder per node; created if absent. Default: memory only, lost with the process.
   */
  readonly dataDir?: string;
  /** Integer from 0 to 2^32−1 that makes election timeouts repeatable; default: random. */
  readonly seed?: number;
  /** Milliseconds that one operation may take, excluding the start of the nodes, 1 to 3,600,000; default 5,000. */
  readonly timeoutMs?: number;
}

/** `StoreOptions` with defaults, every number within its bounds. */
export interface CheckedOptions {
  readonly nodes: number;
  readonly replicas: number;
  readonly shards: number;
  readonly dataDir: string | undefined;
  readonly seed: number | undefined;
  readonly timeoutMs: number;
}

const KNOWN: readonly string[] = ['nodes', 'replicas', 'shards', 'dataDir', 'seed', 'timeoutMs'];

/** @throws RangeError for a number out of its bounds, TypeError for an unknown option or one of the wrong type. */
export function checkOptions(options: StoreOptions): CheckedOptions {
  // Callers without types may pass anything.
  const given: unknown = options;
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`options must be an object, got ${String(given)}`);
  const unknown = Object.keys(options).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) throw new TypeError(`there is no option ${unknown}; there are ${KNOWN.join(', ')}`);
  const dataDir: unknown = options.dataDir;
  if (dataDir !== undefined && (typeof dataDir !== 'string' || dataDir === '')) {
    throw new TypeError(`dataDir must be the path of a folder, got ${typeof dataDir}`);
  }
  const nodes = whole('nodes', options.nodes ?? 5, 1, MAX_NODES);
  const { seed } = options;
  return {
    nodes,
    replicas: whole('replicas', options.replicas ?? Math.min(3, nodes), 1, nodes, 'the number of nodes'),
    shards: whole('shards', options.shards ?? 16, 1, MAX_SHARDS),
    dataDir,
    seed: seed === undefined ? undefined : whole('seed', seed, 0, 2 ** 32 - 1),
    timeoutMs: timeoutOf(options.timeoutMs ?? 5_000),
  };
}

export const timeoutOf = (timeoutMs: unknown): number => whole('timeoutMs', timeoutMs, 1, 3_600_000);

/** @throws RangeError that names the field, its bounds and the given value. */
export function whole(name: string, value: unknown, least: number, most: number, why = ''): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  const bound = why === '' ? String(most) : `${most} (${why})`;
  throw new RangeError(`${name} must be a whole number from ${least} to ${bound}, got ${String(value)}`);
}
