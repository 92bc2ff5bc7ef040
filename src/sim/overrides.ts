/**
 * What is said otherwise than a seed draws it, on the command line of `kvorum sim`: so a failure is repeated with less.
 *
 * Knows the arguments' names and how a scenario and its command become each other; runs nothing.
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
  /** Ids of the faults to keep; the others do not happen. */
  readonly faults?: readonly number[] | undefined;
  /** Already in the draw: `generateScenario(seed, models)`. */
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
 * Takes out of a scenario what no cluster could bear: more replicas than nodes, and a disk that rots or forgets where the other replicas
 * are no majority. Its failure would prove nothing.
 */
export function fair(scenario: Scenario): Scenario {
  const replicas = Math.min(scenario.replicas, scenario.nodes);
  if (replicas >= ROT_REPLICAS) return { ...scenario, replicas };
  const { trial, ...rest } = scenario;
  const kept = trial === undefined ? scenario : rest;
  return { ...kept, replicas, faults: scenario.faults.filter(({ kind }) => !LOSING.has(kind)) };
}

/** Why a fault of `overrides` cannot be kept: a slip of the pen, or a command of another version. */
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
 * The fewest overrides that make `scenario` out of what its seed draws.
 * @throws RangeError if none do: the two differ in something that no argument says
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
