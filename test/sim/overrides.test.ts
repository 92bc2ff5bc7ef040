import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { simConfig } from '../../src/config/index.js';
import { drawMix } from '../../src/sim/generate.js';
import type { Mix } from '../../src/sim/scenario.js';
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

/** As the command line does: the mix that a command stands for. */
function mixOf(command: string): { readonly seed: number; readonly mix: Mix } {
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
  return { seed: config.seed, mix: applyOverrides(drawMix(config.seed, models), { ...config.overrides, models }) };
}

const namedModels = fc.option(fc.subarray([...MODELS]), { nil: undefined });

const smallerMix = fc.tuple(fc.nat(0xffff_ffff), namedModels).chain(([seed, models]) => {
  const drawn = drawMix(seed, models);
  const upTo = (most: number) => fc.integer({ min: 1, max: most });
  return fc
    .record({
      nodes: upTo(drawn.nodes),
      replicas: upTo(drawn.replicas),
      shards: upTo(drawn.shards),
      routers: upTo(drawn.routers),
      clients: upTo(drawn.clients),
      keys: upTo(drawn.keys),
      durationMs: fc.integer({ min: 100, max: drawn.durationMs }),
      faults: fc.subarray([...drawn.faults]),
    })
    .map((less) => ({ seed, mix: fair({ ...drawn, ...less }) }));
});

describe('the command that repeats a run', () => {
  it('makes the same mix again', () => {
    fc.assert(
      fc.property(smallerMix, ({ seed, mix }) => {
        expect(mixOf(repeatCommand(seed, overridesBetween(drawMix(seed, mix.models), mix)))).toEqual({ seed, mix });
      }),
      { numRuns: 500 },
    );
  });

  it('says nothing but the seed where nothing is otherwise', () => {
    expect(repeatCommand(0x8f3a, overridesBetween(drawMix(0x8f3a), drawMix(0x8f3a)))).toBe(
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

  it('is refused where no arguments could say it', () => {
    const drawn = drawMix(1);
    expect(() => overridesBetween(drawn, { ...drawn, thinkMs: drawn.thinkMs + 1 })).toThrow(RangeError);
  });
});

describe('nodes and replicas', () => {
  it('the one that is not said gives way', () => {
    const drawn = { ...drawMix(1), nodes: 5, replicas: 3 };
    expect(applyOverrides(drawn, { nodes: 2 })).toMatchObject({ nodes: 2, replicas: 2 });
    expect(applyOverrides(drawn, { nodes: 9 })).toMatchObject({ nodes: 9, replicas: 3 });
    expect(applyOverrides(drawn, { replicas: 7 })).toMatchObject({ nodes: 7, replicas: 7 });
    expect(applyOverrides(drawn, { replicas: 1 })).toMatchObject({ nodes: 5, replicas: 1 });
  });

  it('a command says only what does not follow', () => {
    const drawn = { ...drawMix(1), nodes: 5, replicas: 3 };
    expect(seedArguments(1, overridesBetween(drawn, { ...drawn, nodes: 2, replicas: 2 }))).toEqual([
      '--seed',
      '1',
      '--nodes',
      '2',
    ]);
    expect(seedArguments(1, overridesBetween(drawn, { ...drawn, nodes: 2, replicas: 1 }))).toEqual([
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
    const drawn = drawMix(1);
    const ids = drawn.faults.map(({ id }) => id);
    expect(applyOverrides(drawn, { faults: [...ids].reverse() })).toEqual(drawn);
    expect(applyOverrides(drawn, { faults: [] }).faults).toEqual([]);
  });

  it('that the seed does not draw are named', () => {
    const drawn = drawMix(1);
    expect(faultComplaint(drawn, {})).toBeUndefined();
    expect(faultComplaint(drawn, { faults: [drawn.faults[0]!.id] })).toBeUndefined();
    expect(faultComplaint(drawn, { faults: [drawn.faults[0]!.id, 9_999] })).toBe(
      `9999 is none of the ${drawn.faults.length} faults of this seed, 1 to ${drawn.faults.length}`,
    );
  });

  it('that would take the only good copy do not happen to fewer than three replicas', () => {
    const drawn = { ...drawMix(1), nodes: 5, replicas: 3 };
    const rot = { id: 2, atMs: 5, lastsMs: 5, kind: 'bit-flip', seed: 7 } as const;
    const faults = [{ ...rot, id: 1, kind: 'kill' } as const, rot];
    expect(applyOverrides({ ...drawn, faults }, {}).faults).toHaveLength(2);
    expect(applyOverrides({ ...drawn, faults }, { replicas: 2 }).faults.map(({ id }) => id)).toEqual([1]);
    expect(faultComplaint({ ...drawn, faults }, { nodes: 1, faults: [1, 2] })).toBe(
      '2 is a bit-flip, which 1 replicas (of 3) cannot bear',
    );
    // The command need not say what follows.
    const smaller = applyOverrides({ ...drawn, faults }, { replicas: 2 });
    expect(overridesBetween({ ...drawn, faults }, smaller)).toMatchObject({ replicas: 2, faults: undefined });
  });
});
