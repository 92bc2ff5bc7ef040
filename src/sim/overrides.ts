/**
 * What is said otherwise than a seed draws it, on the command line of `kvorum sim`: so a failure is repeated with less.
 *
 * Knows the arguments' names and how a mix and its command become each other; runs nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FaultKind } from './fault-plan.js';
import type { Mix } from './scenario.js';
import { MODELS, type Model } from './model.js';

export interface Overrides {
  readonly nodes?: number | undefined;
  readonly shards?: number | undefined;
  readonly replicas?: number | undefined;
  readonly routers?: number | undefined;
  readonly clients?: number | undefined;
  readonly keys?: number | undefined;
  readonly durationMs?: number | undefined;
  /** Ids of the faults to keep; the others do not happen. */
  readonly faults?: readonly number[] | undefined;
  /** Already in the draw: `drawMix(seed, models)`. */
  readonly models?: readonly Model[] | undefined;
}

/** The models of these names. @throws RangeError naming one that is none */
export function modelsOf(names: readonly string[] | undefined): readonly Model[] | undefined {
  return names?.map((name) => {
    const model = MODELS.find((one) => one === name);
    if (model === undefined) throw new RangeError(`${name} is none of the models: ${MODELS.join(', ')}`);
    return model;
  });
}

/** As many must there be for one of them to lose what it had. */
const ROT_REPLICAS = 3;

/** One disk does not keep what it had. */
const LOSING: ReadonlySet<FaultKind> = new Set<FaultKind>(['bit-flip', 'rolled-back-disk', 'wiped-disk']);

/** In the order in which a command names them. */
export const NUMBERS = ['nodes', 'shards', 'replicas', 'routers', 'clients', 'keys', 'durationMs'] as const;

/**
 * What is said wins. Of nodes and replicas, the one that is not said gives way to the other: there are never more
 * replicas than nodes.
 */
export function applyOverrides(drawn: Mix, overrides: Overrides): Mix {
  const said = Object.fromEntries(
    NUMBERS.flatMap((name) => (overrides[name] === undefined ? [] : [[name, overrides[name]]])),
  ) as Partial<Record<(typeof NUMBERS)[number], number>>;
  const { faults } = overrides;
  const kept = faults === undefined ? drawn.faults : drawn.faults.filter(({ id }) => faults.includes(id));
  const mix = { ...drawn, ...said, faults: kept };
  return fair(said.nodes === undefined && mix.replicas > mix.nodes ? { ...mix, nodes: mix.replicas } : mix);
}

/**
 * Takes out of a mix what no cluster could bear: more replicas than nodes, and a disk that rots or forgets where the other replicas
 * are no majority. Its failure would prove nothing.
 */
export function fair(mix: Mix): Mix {
  const replicas = Math.min(mix.replicas, mix.nodes);
  if (replicas >= ROT_REPLICAS) return { ...mix, replicas };
  const { trial, ...rest } = mix;
  const kept = trial === undefined ? mix : rest;
  return { ...kept, replicas, faults: mix.faults.filter(({ kind }) => !LOSING.has(kind)) };
}

/** Why a fault of `overrides` cannot be kept: a slip of the pen, or a command of another version. */
export function faultComplaint(drawn: Mix, overrides: Overrides): string | undefined {
  const { replicas, faults: kept } = applyOverrides(drawn, overrides);
  for (const id of overrides.faults ?? []) {
    if (kept.some((fault) => fault.id === id)) continue;
    const fault = drawn.faults.find((one) => one.id === id);
    if (fault !== undefined)
      return `${id} is a ${fault.kind}, which ${replicas} replicas (of ${ROT_REPLICAS}) cannot bear`;
    return `${id} is none of the ${drawn.faults.length} faults of this seed, 1 to ${drawn.faults.at(-1)?.id ?? 0}`;
  }
  return undefined;
}

/**
 * The fewest overrides that make `mix` out of what its seed draws.
 * @throws RangeError if none do: the two differ in something that no argument says
 */
export function overridesBetween(drawn: Mix, mix: Mix): Overrides {
  let overrides: Overrides = Object.fromEntries(
    NUMBERS.filter((name) => drawn[name] !== mix[name]).map((name) => [name, mix[name]]),
  );
  if (mix.models !== undefined) overrides = { ...overrides, models: mix.models };
  const ids = mix.faults.map(({ id }) => id);
  if (ids.length !== drawn.faults.length) overrides = { ...overrides, faults: ids };
  for (const implied of ['faults', 'replicas', 'nodes'] as const) {
    const without = { ...overrides, [implied]: undefined };
    if (isDeepStrictEqual(applyOverrides(drawn, without), mix)) overrides = without;
  }
  if (!isDeepStrictEqual(applyOverrides(drawn, overrides), mix)) {
    throw new RangeError('no arguments make this mix of what its seed draws');
  }
  return overrides;
}

/** As seeds are written everywhere. */
export const seedText = (seed: number): string => seed.toString(16);

/** The arguments after `kvorum sim` that run `seed` with `overrides`. */
export function seedArguments(seed: number, overrides: Overrides): string[] {
  const numbers = NUMBERS.flatMap((name) => {
    const value = overrides[name];
    return value === undefined ? [] : [`--${name === 'durationMs' ? 'duration-ms' : name}`, String(value)];
  });
  const list = (name: string, values: readonly unknown[] | undefined): string[] =>
    values === undefined ? [] : [name, values.length === 0 ? 'none' : values.join(',')];
  const lists = [...list('--faults', overrides.faults), ...list('--models', overrides.models)];
  return ['--seed', seedText(seed), ...numbers, ...lists];
}

/** What a person types to see it again. */
export const repeatCommand = (seed: number, overrides: Overrides): string =>
  ['npx kvorum sim', ...seedArguments(seed, overrides)].join(' ');
