/**
 * The arguments of `kvorum sim`, with their limits and valid combinations.
 *
 * Seeds are hexadecimal in arguments, as in the simulator's output.
 */
import { z } from 'zod';
import { ConfigError } from './config-error.js';
import { integer, onOff, setting, type Settings } from './settings.js';
import { flagName, readSettings } from './sources.js';

const MOST_SEED = 0xffff_ffff;
const MOST_MINUTES = 10_080;
const DEFAULT_SEEDS = 100;

const hexadecimal = z
  .string({ error: 'must be 1 to 8 hexadecimal digits, such as 8f3a' })
  .regex(/^[\da-f]{1,8}$/i, { error: 'must be 1 to 8 hexadecimal digits, such as 8f3a' })
  .transform((digits) => Number.parseInt(digits, 16));

const MINUTES_ERROR = `must be a number of minutes above 0, at most ${MOST_MINUTES}`;
const minutes = z.preprocess(
  (value) => (typeof value === 'string' && /^\d{1,6}(\.\d{1,6})?$/.test(value) ? Number(value) : value),
  z.number({ error: MINUTES_ERROR }).positive({ error: MINUTES_ERROR }).max(MOST_MINUTES, { error: MINUTES_ERROR }),
);

const FAULTS_ERROR = 'must be none, or numbers parted by commas, such as 3,7,9';
const faults = z
  .string({ error: FAULTS_ERROR })
  .regex(/^(none|\d{1,6}(,\d{1,6})*)$/, { error: FAULTS_ERROR })
  .transform((text) => (text === 'none' ? [] : text.split(',').map(Number)));

const MODELS_ERROR = 'must be none, or names parted by commas, such as narrow-links';
const models = z
  .string({ error: MODELS_ERROR })
  .regex(/^[a-z]+(-[a-z]+)*(,[a-z]+(-[a-z]+)*)*$/, { error: MODELS_ERROR })
  .transform((text) => (text === 'none' ? [] : text.split(',')));

const SMALLER = 'instead of what the seed generates';

export const simSettings = {
  seeds: setting(integer(1, 100_000_000).optional(), '<n>', `run so many seeds (default ${DEFAULT_SEEDS})`),
  first: setting(hexadecimal.optional(), '<hex>', 'the first of them (default 1)'),
  minutes: setting(
    minutes.optional(),
    '<m>',
    'run seeds until the time is over, from --first or a seed drawn from the clock on',
  ),
  seed: setting(hexadecimal.optional(), '<hex>', 'run this one seed; prints the same, byte for byte, every time'),
  trace: setting(onOff().default(false), undefined, 'with --seed: print the events before the report'),
  bench: setting(
    onOff().default(false),
    undefined,
    'measure: 5 nodes, 4 shards, 10 clients, one job, for 30 s of processor time',
  ),
  json: setting(onOff().default(false), undefined, 'print one JSON document'),
  jobs: setting(integer(1, 256).optional(), '<n>', 'seeds that run at a time (default: the cores of this machine)'),
  nodes: setting(integer(1, 9).optional(), '<n>', `nodes, 1 to 9, ${SMALLER}`),
  shards: setting(integer(1, 64).optional(), '<n>', `shards, ${SMALLER}`),
  replicas: setting(integer(1, 9).optional(), '<n>', `replicas of a shard, at most --nodes, ${SMALLER}`),
  routers: setting(integer(1, 16).optional(), '<n>', `routers, ${SMALLER}`),
  clients: setting(integer(1, 256).optional(), '<n>', `clients, ${SMALLER}`),
  keys: setting(integer(1, 10_000).optional(), '<n>', `keys, ${SMALLER}`),
  durationMs: setting(integer(100, 86_400_000).optional(), '<ms>', `virtual time of phase one, ${SMALLER}`),
  faults: setting(faults.optional(), '<ids>', 'keep these faults of the seed only, such as 3,7; or none'),
  models: setting(
    models.optional(),
    '<names>',
    `models that every seed has, such as narrow-links; or none, ${SMALLER}`,
  ),
} satisfies Settings;

export interface SimOverrides {
  readonly nodes: number | undefined;
  readonly shards: number | undefined;
  readonly replicas: number | undefined;
  readonly routers: number | undefined;
  readonly clients: number | undefined;
  readonly keys: number | undefined;
  readonly durationMs: number | undefined;
  readonly faults: readonly number[] | undefined;
  /** Names of models, not validated yet. */
  readonly models: readonly string[] | undefined;
}

export type SimConfig =
  | {
      readonly type: 'one';
      readonly seed: number;
      readonly trace: boolean;
      readonly overrides: SimOverrides;
      readonly json: boolean;
    }
  | {
      readonly type: 'many';
      /** Undefined: drawn from the clock. */
      readonly first: number | undefined;
      /** Undefined: runs until the time is over, or the bench has measured enough. */
      readonly seeds: number | undefined;
      readonly minutes: number | undefined;
      readonly bench: boolean;
      /** Undefined: as many as the machine has cores. */
      readonly jobs: number | undefined;
      readonly shrink: boolean;
      readonly overrides: SimOverrides;
      readonly json: boolean;
    };

/** Defaults of the bench. */
const BENCH_OVERRIDES = { nodes: 5, shards: 4, replicas: 3, clients: 10 };

/** @param flags as commander passes them; `shrink` is false under --no-shrink. @throws ConfigError */
export function simConfig({ shrink = true, ...flags }: Readonly<Record<string, unknown>>): SimConfig {
  const {
    seeds,
    first,
    minutes: length,
    seed,
    trace,
    bench,
    json,
    jobs,
    ...overrides
  } = readSettings(simSettings, {
    flags,
    environment: {},
  });
  checkReplicas(overrides);
  if (seed !== undefined) {
    refuseBoth('seed', { seeds, first, minutes: length, jobs, bench: bench ? true : undefined });
    if (trace) refuseBoth('trace', { json: json ? true : undefined });
    return { type: 'one', seed, trace, overrides, json };
  }
  if (trace) throw new ConfigError('trace', '--trace is of one seed: name it with --seed');
  if (seeds !== undefined) refuseBoth('seeds', { minutes: length, bench: bench ? true : undefined });
  if (bench) refuseBoth('bench', { jobs, minutes: length });
  if (overrides.faults !== undefined && overrides.faults.length > 0) {
    throw new ConfigError(
      'faults',
      '--faults with numbers goes with --seed: each seed numbers its own; for many only --faults none',
    );
  }
  const count = length === undefined && !bench ? (seeds ?? DEFAULT_SEEDS) : undefined;
  const from = first ?? (length === undefined ? 1 : undefined);
  if (count !== undefined && from !== undefined && from + count - 1 > MOST_SEED) {
    throw new ConfigError('seeds', `--seeds ${count} from ${from.toString(16)} on goes beyond the last seed, ffffffff`);
  }
  return {
    type: 'many',
    first: from,
    seeds: count,
    minutes: length,
    bench,
    jobs: bench ? 1 : jobs,
    shrink: shrink === true && !bench,
    overrides: bench ? { ...overrides, ...benchOverrides(overrides) } : overrides,
    json,
  };
}

function benchOverrides(given: SimOverrides): Partial<SimOverrides> {
  const nodes = given.nodes ?? BENCH_OVERRIDES.nodes;
  return {
    nodes,
    shards: given.shards ?? BENCH_OVERRIDES.shards,
    replicas: given.replicas ?? Math.min(BENCH_OVERRIDES.replicas, nodes),
    clients: given.clients ?? BENCH_OVERRIDES.clients,
  };
}

function checkReplicas({ nodes, replicas }: SimOverrides): void {
  if (nodes === undefined || replicas === undefined || replicas <= nodes) return;
  throw new ConfigError('replicas', `replicas (${replicas}) must not be more than the number of nodes (${nodes})`);
}

function refuseBoth(field: string, others: Readonly<Record<string, unknown>>): void {
  for (const [other, value] of Object.entries(others)) {
    if (value === undefined) continue;
    throw new ConfigError(other, `${flagName(field)} and ${flagName(other)} do not go together; leave one of them out`);
  }
}
