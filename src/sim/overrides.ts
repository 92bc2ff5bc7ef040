/**
 * Overrides of what a seed generates, given on the command line of `kvorum sim`: they repeat a failure with less.
 *
 * Holds the names of the arguments, and converts between a scenario and its command; runs nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FaultKind } from './fault-plan.js';
import type { Scenario } from './scenario.js';
import { MODELS, type Model } from './model.js';

export interface Overrides {
  readonly nodes?: number | undefined;
  readonly shards?: number | undefined;
  readonly replicas?: number | undefined;
  readonly routers?: number | undefined;
  readonly clients?: number | undefined;
  readonly keys?: number | undefined;
  readonly durationMs?: number | undefined;
  /** Ids of the faults to keep; the others are left out. */
  readonly faults?: readonly number[] | undefined;
  /** Already part of the generated scenario: `generateScenario(seed, models)`. */
  readonly models?: readonly Model[] | undefined;
}

/** The models with these names. @throws RangeError naming an unknown one */
export function modelsOf(names: readonly string[] | undefined): readonly Model[] | undefined {
  return names?.map((name) => {
    const model = MODELS.find((one) => one === name);
    if (model === undefined) throw new RangeError(`${name} is none of the models: ${MODELS.join(', ')}`);
    return model;
  });
}

/** Least number of replicas of which one may lose its data. */
const ROT_REPLICAS = 3;

/** Faults in which one disk loses data. */
const LOSING: ReadonlySet<FaultKind> = new Set<FaultKind>(['bit-flip', 'rolled-back-disk', 'wiped-disk']);

/** In the order in which a command names them. */
export const NUMBERS = ['nodes', 'shards', 'replicas', 'routers', 'clients', 'keys', 'durationMs'] as const;

/**
 * Overrides win. If only one of nodes and replicas is given, the other one is adjusted: there are never more replicas
 * than nodes.
 */
export function applyOverrides(generated: Scenario, overrides: Overrides): Scenario {
  const said = Object.fromEntries(
    NUMBERS.flatMap((name) => (overrides[name] === undefined ? [] : [[name, overrides[name]]])),
  ) as Partial<Record<(typeof NUMBERS)[number], number>>;
  const { faults } = overrides;
  const kept = faults === undefined ? generated.faults : generated.faults.filter(({ id }) => faults.includes(id));
  const scenario = { ...generated, ...said, faults: kept };
  return fair(
    said.nodes === undefined && scenario.replicas > scenario.nodes
      ? { ...scenario, nodes: scenario.replicas }
      : scenario,
  );
}

/**
 * Removes from a scenario what no cluster tolerates: more replicas than nodes, and a disk that loses or corrupts data
 * where the other replicas are no majority. Its failure would prove nothing.
 */
export function fair(scenario: Scenario): Scenario {
  const replicas = Math.min(scenario.replicas, scenario.nodes);
  if (replicas >= ROT_REPLICAS) return { ...scenario, replicas };
  const { trial, ...rest } = scenario;
  const kept = trial === undefined ? scenario : rest;
  return { ...kept, replicas, faults: scenario.faults.filter(({ kind }) => !LOSING.has(kind)) };
}

/** Why a fault of `overrides` cannot be kept: a typing error, or a command of another version. */
export function faultComplaint(generated: Scenario, overrides: Overrides): string | undefined {
  const { replicas, faults: kept } = applyOverrides(generated, overrides);
  for (const id of overrides.faults ?? []) {
    if (kept.some((fault) => fault.id === id)) continue;
    const fault = generated.faults.find((one) => one.id === id);
    if (fault !== undefined)
      return `${id} is a ${fault.kind}, which ${replicas} replicas (of ${ROT_REPLICAS}) cannot bear`;
    return `${id} is none of the ${generated.faults.length} faults of this seed, 1 to ${generated.faults.at(-1)?.id ?? 0}`;
  }
  return undefined;
}

/**
 * The fewest overrides that turn what the seed generates into `scenario`.
 * @throws RangeError if none do: the two differ in something that no argument expresses
 */
export function overridesBetween(generated: Scenario, scenario: Scenario): Overrides {
  let overrides: Overrides = Object.fromEntries(
    NUMBERS.filter((name) => generated[name] !== scenario[name]).map((name) => [name, scenario[name]]),
  );
  if (scenario.models !== undefined) overrides = { ...overrides, models: scenario.models };
  const ids = scenario.faults.map(({ id }) => id);
  if (ids.length !== generated.faults.length) overrides = { ...overrides, faults: ids };
  for (const implied of ['faults', 'replicas', 'nodes'] as const) {
    const without = { ...overrides, [implied]: undefined };
    if (isDeepStrictEqual(applyOverrides(generated, without), scenario)) overrides = without;
  }
  if (!isDeepStrictEqual(applyOverrides(generated, overrides), scenario)) {
    throw new RangeError('no arguments make this scenario of what its seed draws');
  }
  return overrides;
}

/** Seeds are written in hexadecimal everywhere. */
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

/** The command that repeats the run. */
export const repeatCommand = (seed: number, overrides: Overrides): string =>
  ['npx kvorum sim', ...seedArguments(seed, overrides)].join(' ');
