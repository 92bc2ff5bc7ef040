import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simConfig } from '../../src/config/index.js';
import { generateScenario } from '../../src/sim/generate.js';
import type { Scenario } from '../../src/sim/scenario.js';
import { MODELS } from '../../src/sim/model.js';
import {
  applyOverrides,
  fair,
  faultComplaint,
  modelsOf,
  overridesBetween,
  repeatCommand,
  seedArguments,
} from '../../src/sim/overrides.js';

const PREFIX = 'npx kvorum sim ';

/** As the command line does: the scenario that a command stands for. */
function scenarioOf(command: string): { readonly seed: number; readonly scenario: Scenario } {
  expect(command.startsWith(PREFIX)).toBe(true);
  const words = command.slice(PREFIX.length).split(' ');
  const flags: Record<string, string> = {};
  for (let at = 0; at < words.length; at += 2) {
    const name = words[at]!.replace(/^--/, '').replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    flags[name] = words[at + 1]!;
  }
  const config = simConfig(flags);
  if (config.type !== 'one') throw new Error('not the command of one seed');
  const models = modelsOf(config.overrides.models);
  return {
    seed: config.seed,
    scenario: applyOverrides(generateScenario(config.seed, models), { ...config.overrides, models }),
  };
}

const namedModels = fc.option(fc.subarray([...MODELS]), { nil: undefined });

const smallerMix = fc.tuple(fc.nat(0xffff_ffff), namedModels).chain(([seed, models]) => {
  const generated = generateScenario(seed, models);
  const upTo = (most: number) => fc.integer({ min: 1, max: most });
  return fc
    .record({
      nodes: upTo(generated.nodes),
      replicas: upTo(generated.replicas),
      shards: upTo(generated.shards),
      routers: upTo(generated.routers),
      clients: upTo(generated.clients),
      keys: upTo(generated.keys),
      durationMs: fc.integer({ min: 100, max: generated.durationMs }),
      faults: fc.subarray([...generated.faults]),
    })
    .map((less) => ({ seed, scenario: fair({ ...generated, ...less }) }));
});

describe('the command that repeats a run', () => {
  it('makes the same scenario again', () => {
    fc.assert(
      fc.property(smallerMix, ({ seed, scenario }) => {
        expect(
          scenarioOf(repeatCommand(seed, overridesBetween(generateScenario(seed, scenario.models), scenario))),
        ).toEqual({ seed, scenario });
      }),
      { numRuns: 500 },
    );
  });

  it('names only the seed where nothing is overridden', () => {
    expect(repeatCommand(0x8f3a, overridesBetween(generateScenario(0x8f3a), generateScenario(0x8f3a)))).toBe(
      'npx kvorum sim --seed 8f3a',
    );
  });

  it('reads as in the README', () => {
    const overrides = { nodes: 3, clients: 2, faults: [3, 7] };
    expect(repeatCommand(0x8f3a, overrides)).toBe('npx kvorum sim --seed 8f3a --nodes 3 --clients 2 --faults 3,7');
    expect(seedArguments(1, { durationMs: 500, faults: [] })).toEqual([
      '--seed',
      '1',
      '--duration-ms',
      '500',
      '--faults',
      'none',
    ]);
  });

  it('is refused where no arguments could express the scenario', () => {
    const generated = generateScenario(1);
    expect(() => overridesBetween(generated, { ...generated, thinkMs: generated.thinkMs + 1 })).toThrow(RangeError);
  });
});

describe('nodes and replicas', () => {
  it('the one that is not given is adjusted', () => {
    const generated = { ...generateScenario(1), nodes: 5, replicas: 3 };
    expect(applyOverrides(generated, { nodes: 2 })).toMatchObject({ nodes: 2, replicas: 2 });
    expect(applyOverrides(generated, { nodes: 9 })).toMatchObject({ nodes: 9, replicas: 3 });
    expect(applyOverrides(generated, { replicas: 7 })).toMatchObject({ nodes: 7, replicas: 7 });
    expect(applyOverrides(generated, { replicas: 1 })).toMatchObject({ nodes: 5, replicas: 1 });
  });

  it('the command names only what does not follow from the rest', () => {
    const generated = { ...generateScenario(1), nodes: 5, replicas: 3 };
    expect(seedArguments(1, overridesBetween(generated, { ...generated, nodes: 2, replicas: 2 }))).toEqual([
      '--seed',
      '1',
      '--nodes',
      '2',
    ]);
    expect(seedArguments(1, overridesBetween(generated, { ...generated, nodes: 2, replicas: 1 }))).toEqual([
      '--seed',
      '1',
      '--nodes',
      '2',
      '--replicas',
      '1',
    ]);
  });
});

describe('faults', () => {
  it('are kept by their numbers, in the order of time', () => {
    const generated = generateScenario(1);
    const ids = generated.faults.map(({ id }) => id);
    expect(applyOverrides(generated, { faults: [...ids].reverse() })).toEqual(generated);
    expect(applyOverrides(generated, { faults: [] }).faults).toEqual([]);
  });

  it('that the seed does not generate are named', () => {
    const generated = generateScenario(1);
    expect(faultComplaint(generated, {})).toBeUndefined();
    expect(faultComplaint(generated, { faults: [generated.faults[0]!.id] })).toBeUndefined();
    expect(faultComplaint(generated, { faults: [generated.faults[0]!.id, 9_999] })).toBe(
      `9999 is none of the ${generated.faults.length} faults of this seed, 1 to ${generated.faults.length}`,
    );
  });

  it('that could destroy the only good copy are removed with fewer than three replicas', () => {
    const generated = { ...generateScenario(1), nodes: 5, replicas: 3 };
    const rot = { id: 2, atMs: 5, lastsMs: 5, kind: 'bit-flip', seed: 7 } as const;
    const faults = [{ ...rot, id: 1, kind: 'kill' } as const, rot];
    expect(applyOverrides({ ...generated, faults }, {}).faults).toHaveLength(2);
    expect(applyOverrides({ ...generated, faults }, { replicas: 2 }).faults.map(({ id }) => id)).toEqual([1]);
    expect(faultComplaint({ ...generated, faults }, { nodes: 1, faults: [1, 2] })).toBe(
      '2 is a bit-flip, which 1 replicas (of 3) cannot bear',
    );
    // The command need not say what follows.
    const smaller = applyOverrides({ ...generated, faults }, { replicas: 2 });
    expect(overridesBetween({ ...generated, faults }, smaller)).toMatchObject({ replicas: 2, faults: undefined });
  });
});
