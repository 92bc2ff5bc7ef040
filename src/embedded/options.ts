/** What an embedded store is made from, checked: every wrong number is a RangeError that names its bound. */
import { MAX_NODES, MAX_SHARDS } from '../shard/index.js';

export interface StoreOptions {
  /** 1..100; 5 by default. */
  readonly nodes?: number;
  /** 1..nodes; 3 by default, or as many as there are nodes. */
  readonly replicas?: number;
  /** 1..1,024; 16 by default. */
  readonly shards?: number;
  /** SQLite files go here, one folder per node. Without it everything is in memory and gone with the process. */
  readonly dataDir?: string;
  /** Makes timeouts and placement of elections repeatable. */
  readonly seed?: number;
  /** Milliseconds that one operation may take, not counted how long its nodes take to start; 5,000 by default. */
  readonly timeoutMs?: number;
}

export interface CheckedOptions {
  readonly nodes: number;
  readonly replicas: number;
  readonly shards: number;
  readonly dataDir: string | undefined;
  readonly seed: number | undefined;
  readonly timeoutMs: number;
}

const KNOWN: readonly string[] = ['nodes', 'replicas', 'shards', 'dataDir', 'seed', 'timeoutMs'];

/** @throws RangeError for a number out of its bounds, TypeError for what is no option or of the wrong type. */
export function checkOptions(options: StoreOptions): CheckedOptions {
  // Callers without types may hand in anything.
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
    timeoutMs: whole('timeoutMs', options.timeoutMs ?? 5_000, 1, 3_600_000),
  };
}

/** @throws RangeError that names the field, its bounds and what was given. */
export function whole(name: string, value: unknown, least: number, most: number, why = ''): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  const bound = why === '' ? String(most) : `${most} (${why})`;
  throw new RangeError(`${name} must be a whole number from ${least} to ${bound}, got ${String(value)}`);
}
