import { describe, expect, it } from 'vitest';
import { ConfigError, simConfig } from '../../src/config/index.js';

const refusal = (flags: Readonly<Record<string, unknown>>): string => {
  try {
    simConfig(flags);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error(`accepted ${JSON.stringify(flags)}`);
};

describe('the options of kvorum sim', () => {
  it('run a hundred seeds from 1 on by default', () => {
    expect(simConfig({})).toMatchObject({
      type: 'many',
      first: 1,
      seeds: 100,
      bench: false,
      shrink: true,
      json: false,
    });
    expect(simConfig({ seeds: '2000', first: '8F3a', shrink: false })).toMatchObject({
      first: 0x8f3a,
      seeds: 2_000,
      shrink: false,
    });
  });

  it('run for a given time, from a random seed unless one is given', () => {
    expect(simConfig({ minutes: '0.5' })).toMatchObject({ minutes: 0.5, seeds: undefined, first: undefined });
    expect(simConfig({ minutes: '10', first: 'a' })).toMatchObject({ minutes: 10, first: 10 });
  });

  it('run one seed, with reduced numbers', () => {
    expect(simConfig({ seed: '8f3a', nodes: '3', faults: '3,7,9', durationMs: '500', trace: true })).toMatchObject({
      type: 'one',
      seed: 0x8f3a,
      trace: true,
      overrides: { nodes: 3, faults: [3, 7, 9], durationMs: 500, clients: undefined },
    });
    expect(simConfig({ seed: '0', faults: 'none' })).toMatchObject({ seed: 0, overrides: { faults: [] } });
  });

  it('give every seed the named models, or none', () => {
    expect(simConfig({ models: 'narrow-links,other' })).toMatchObject({
      overrides: { models: ['narrow-links', 'other'] },
    });
    expect(simConfig({ seed: '1', models: 'none' })).toMatchObject({ overrides: { models: [] } });
    expect(simConfig({})).toMatchObject({ overrides: { models: undefined } });
    expect(refusal({ models: 'Narrow' })).toContain('models must be none, or names parted by commas');
  });

  it('measure one job with the settings of the bench, unless they are given', () => {
    expect(simConfig({ bench: true })).toMatchObject({
      bench: true,
      jobs: 1,
      seeds: undefined,
      shrink: false,
      overrides: { nodes: 5, shards: 4, replicas: 3, clients: 10 },
    });
    expect(simConfig({ bench: true, nodes: '2' })).toMatchObject({ overrides: { nodes: 2, replicas: 2, clients: 10 } });
  });

  it.each([
    [{ seed: 'xyz' }, 'seed must be 1 to 8 hexadecimal digits, such as 8f3a; got "xyz" (flag --seed)'],
    [{ seed: '123456789' }, 'seed must be 1 to 8 hexadecimal digits'],
    [{ seeds: '0' }, 'seeds must be a whole number from 1 to 100000000; got "0" (flag --seeds)'],
    [{ seeds: '-1' }, 'seeds must be a whole number from 1'],
    [{ seeds: '2', first: 'ffffffff' }, '--seeds 2 from ffffffff on goes beyond the last seed, ffffffff'],
    [{ minutes: '0' }, 'minutes must be a number of minutes above 0, at most 10080; got "0" (flag --minutes)'],
    [{ minutes: '1e3' }, 'minutes must be a number of minutes above 0, at most 10080'],
    [{ nodes: '10' }, 'nodes must be a whole number from 1 to 9; got "10" (flag --nodes)'],
    [{ nodes: '3', replicas: '5' }, 'replicas (5) must not be more than the number of nodes (3)'],
    [{ bench: true, nodes: '1', replicas: '2' }, 'replicas (2) must not be more than the number of nodes (1)'],
    [{ durationMs: '99' }, 'durationMs must be a whole number from 100 to 86400000; got "99" (flag --duration-ms)'],
    [{ jobs: '0' }, 'jobs must be a whole number from 1 to 256'],
    [{ faults: 'all' }, 'faults must be none, or numbers parted by commas, such as 3,7,9; got "all" (flag --faults)'],
    [{ seed: '1', faults: '3,,7' }, 'faults must be none, or numbers parted by commas'],
    [{ faults: '3,7' }, '--faults with numbers goes with --seed'],
    [{ trace: true }, '--trace is of one seed: name it with --seed'],
    [{ seed: '1', trace: true, json: true }, '--trace and --json do not go together'],
    [{ seed: '1', seeds: '5' }, '--seed and --seeds do not go together'],
    [{ seed: '1', bench: true }, '--seed and --bench do not go together'],
    [{ seeds: '5', minutes: '1' }, '--seeds and --minutes do not go together'],
    [{ bench: true, jobs: '2' }, '--bench and --jobs do not go together'],
  ])('refuse %j, with the argument and its limit', (flags, complaint) => {
    expect(refusal(flags)).toContain(complaint);
  });
});
