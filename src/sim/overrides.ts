/**
 * What is said otherwise than a seed draws it, on the command line of `kvorum sim`: so a failure is repeated with less.
 *
 * Knows the arguments' names and how a mix and its command become each other; runs nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Mix } from './mix.js';

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
}

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
  const mix = { ...drawn, ...said };
  const replicas = said.replicas === undefined ? Math.min(mix.replicas, mix.nodes) : mix.replicas;
  const nodes = said.nodes === undefined ? Math.max(mix.nodes, replicas) : mix.nodes;
  const { faults } = overrides;
  const kept = faults === undefined ? drawn.faults : drawn.faults.filter(({ id }) => faults.includes(id));
  return { ...mix, nodes, replicas, faults: kept };
}

/** Ids in `faults` that the seed does not draw: a command of another version, or a slip of the pen. */
export function unknownFaults(drawn: Mix, { faults = [] }: Overrides): readonly number[] {
  return faults.filter((id) => !drawn.faults.some((fault) => fault.id === id));
}

/**
 * The fewest overrides that make `mix` out of what its seed draws.
 * @throws RangeError if none do: the two differ in something that no argument says
 */
export function overridesBetween(drawn: Mix, mix: Mix): Overrides {
  let overrides: Overrides = Object.fromEntries(
    NUMBERS.filter((name) => drawn[name] !== mix[name]).map((name) => [name, mix[name]]),
  );
  const ids = mix.faults.map(({ id }) => id);
  if (ids.length !== drawn.faults.length) overrides = { ...overrides, faults: ids };
  for (const implied of ['replicas', 'nodes'] as const) {
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
  const { faults } = overrides;
  const kept = faults === undefined ? [] : ['--faults', faults.length === 0 ? 'none' : faults.join(',')];
  return ['--seed', seedText(seed), ...numbers, ...kept];
}

/** What a person types to see it again. */
export const repeatCommand = (seed: number, overrides: Overrides): string =>
  ['npx kvorum sim', ...seedArguments(seed, overrides)].join(' ');
