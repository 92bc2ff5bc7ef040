/** The plan of faults: the same from the same seed, every kind in it, and within its time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkFault } from '../../src/faults/index.js';
import {
  FOLDER_KINDS,
  GROUPS,
  KINDS,
  LINK_KINDS,
  PROCESS_KINDS,
  parseKinds,
  type FaultKind,
} from '../../scripts/jepsen/kinds.js';
import { Random } from '../../src/random.js';
import { fits, leastMs, makeSchedule, needsAll, type ScheduleOptions } from '../../scripts/jepsen/schedule.js';
import { SYMPTOMS } from '../../scripts/jepsen/symptoms.js';
import { surest } from '../../scripts/jepsen/steps.js';
import { formatSlot } from '../../scripts/jepsen/format-fault.js';

const usual: ScheduleOptions = { kinds: KINDS, nodes: 5, routers: 2, shards: 4, totalMs: 60_000 };
const plan = (seed: string, options: Partial<ScheduleOptions> = {}) =>
  makeSchedule(new Random(seed), { ...usual, ...options });

describe('a plan', () => {
  it('depends on the seed alone', () => {
    expect(plan('a')).toEqual(plan('a'));
    expect(plan('a')).not.toEqual(plan('b'));
  });

  it('contains every kind, in slots one after another, within the time', () => {
    const kinds = fc.subarray([...KINDS], { minLength: 1 });
    fc.assert(
      fc.property(
        fc.string(),
        kinds,
        fc.integer({ min: 0, max: 100_000 }),
        fc.integer({ min: 3, max: 9 }),
        (...drawn) => {
          const [seed, wanted, moreMs, nodes] = drawn;
          const totalMs = leastMs(wanted) + moreMs;
          const slots = plan(seed, { kinds: wanted, totalMs, nodes });
          expect(new Set(slots.flatMap(({ faults }) => faults.map(({ kind }) => kind)))).toEqual(new Set(wanted));
          let freeAt = 0;
          for (const { atMs, lastsMs, faults } of slots) {
            expect(atMs).toBeGreaterThanOrEqual(freeAt);
            expect(lastsMs).toBeGreaterThanOrEqual(2_000);
            expect(lastsMs).toBeLessThanOrEqual(10_000);
            freeAt = atMs + lastsMs;
            for (const { steps } of faults) {
              expect(steps.length).toBeGreaterThan(0);
              for (const { afterMs } of steps) expect(afterMs).toBeLessThan(lastsMs);
            }
            for (const family of [LINK_KINDS, PROCESS_KINDS] as readonly (readonly string[])[]) {
              expect(faults.filter(({ kind }) => family.includes(kind)).length).toBeLessThanOrEqual(1);
            }
          }
          expect(freeAt).toBeLessThanOrEqual(totalMs);
        },
      ),
    );
  });

  it('combines faults of data folders with cut links only, has each once alone, and on one node at a time', () => {
    const links: readonly string[] = LINK_KINDS;
    const company = new Map<FaultKind, Set<string>>();
    for (let seed = 0; seed < 200; seed++) {
      const alone = new Set<FaultKind>();
      for (const { faults } of plan(String(seed), { totalMs: 300_000 })) {
        const kinds = faults.map(({ kind }) => kind);
        for (const { kind, steps } of faults) {
          if (!FOLDER_KINDS.some((folder) => folder === kind) && kind !== 'failed-disk') continue;
          const others = kinds.filter((other) => other !== kind);
          if (others.length === 0) alone.add(kind);
          for (const other of others) company.set(kind, (company.get(kind) ?? new Set()).add(other));
          const nodes = steps.map(({ fault }) => ('node' in fault ? fault.node : 0));
          if (kind !== 'failed-disk') expect(new Set(nodes).size).toBe(1);
          else expect(new Set(nodes).size).toBeLessThan(usual.nodes);
          // Nobody meets a copy of the node with the highest id.
          if (kind === 'copied-node') expect(nodes).not.toContain(usual.nodes);
        }
      }
      expect(alone).toEqual(new Set([...FOLDER_KINDS, 'failed-disk']));
    }
    expect([...company.keys()].sort()).toEqual(['rolled-back-disk', 'wiped-disk']);
    for (const kinds of company.values()) expect([...kinds].sort()).toEqual([...links].sort());
  });

  it('has every fault whose symptom is checked alone once, even in a short run', () => {
    for (let seed = 0; seed < 200; seed++) {
      const slots = plan(String(seed), { totalMs: leastMs(KINDS) });
      const alone = slots.filter(({ faults }) => faults.length === 1).map(({ faults }) => faults[0]?.kind);
      expect(alone).toEqual(expect.arrayContaining(Object.keys(SYMPTOMS)));
    }
  });

  it.each<[FaultKind, FaultKind, boolean]>([
    ['wiped-disk', 'kill-one', false],
    ['wiped-disk', 'hung-disk', false],
    ['wiped-disk', 'rolled-back-disk', false],
    ['wiped-disk', 'halves', true],
    ['copied-node', 'halves', false],
    ['stray', 'halves', false],
    ['failed-disk', 'kill-one', false],
    ['kill-one', 'hung-disk', true],
    ['kill-one', 'pause', false],
    ['halves', 'ring', false],
  ])('%s and %s may overlap: %s', (one, other, may) => {
    expect([fits([one], other), fits([other], one)]).toEqual([may, may]);
  });

  it('requires all nodes ready before faults of data folders and failing disks', () => {
    expect(needsAll(['halves', 'wiped-disk'])).toBe(true);
    expect(needsAll(['failed-disk'])).toBe(true);
    expect(needsAll(['halves', 'kill-one', 'hung-disk'])).toBe(false);
  });

  it('rolls a folder back late in its slot', () => {
    for (const { lastsMs, faults } of plan('back', { kinds: ['rolled-back-disk'] })) {
      const [keep, back] = faults[0]!.steps;
      expect(keep).toMatchObject({ afterMs: 0, fault: { type: 'keep-disk' } });
      expect(back).toEqual({ afterMs: Math.round(lastsMs * 0.6), fault: { ...keep!.fault, type: 'roll-back-disk' } });
    }
  });

  it('restarts all nodes with the same settings, one after another, with time for them to take effect', () => {
    for (const { lastsMs, faults } of plan('roll', { kinds: ['rolling-settings'] })) {
      const { steps } = faults[0]!;
      const nodes = steps.map(({ fault }) => ('node' in fault ? fault.node : 0));
      expect(nodes.sort()).toEqual([1, 2, 3, 4, 5]);
      const settings = steps.map(({ fault }) => ('settings' in fault ? fault.settings : {}));
      for (const other of settings) expect(other).toEqual(settings[0]);
      expect(steps.every(({ untilReady }) => untilReady)).toBe(true);
      const moments = steps.map(({ afterMs }) => afterMs);
      expect(moments).toEqual([...moments].sort((a, b) => a - b));
      expect(moments.at(-1)).toBeLessThanOrEqual(lastsMs * 0.5);
    }
  });

  it('of all kinds fits into a minute, with time to spare', () => {
    expect(leastMs(KINDS)).toBeLessThan(55_000);
  });

  it('contains only faults that the control accepts', () => {
    for (let seed = 0; seed < 50; seed++) {
      for (const nodes of [3, 5]) {
        for (const { faults } of plan(String(seed), { nodes })) {
          for (const { fault } of faults.flatMap(({ steps }) => steps)) {
            if ('leaderOf' in fault) expect(fault.leaderOf).toBeLessThan(usual.shards);
            else expect(checkFault(fault, { nodes, routers: 2 })).toEqual(fault);
          }
        }
      }
    }
  });

  it('is refused when the time is too short for every kind', () => {
    expect(() => plan('a', { totalMs: leastMs(KINDS) - 1 })).toThrow(/need at least/);
    expect(plan('a', { kinds: [], totalMs: 1 })).toEqual([]);
  });

  it('is printed one slot per line', () => {
    const lines = plan('story').map(formatSlot);
    expect(lines.join('\n')).toMatch(/kill-all: kill-all; \+\d\.\ds restart 1/);
    for (const line of lines) expect(line).toMatch(/^ +\d+\.\ds for +\d+\.\ds {2}[a-z-]+: \S/);
  });
});

describe('a fault that takes effect most surely', () => {
  it('is on every disk that it can be on, and else as planned', () => {
    for (const { faults } of plan('surest', { totalMs: 300_000 })) {
      for (const planned of faults) {
        const { kind, steps } = surest(planned, usual.nodes);
        expect(kind).toBe(planned.kind);
        const nodes = steps.map(({ fault }) => ('node' in fault ? fault.node : 0));
        if (kind === 'hung-disk' || kind === 'full-disk') expect(nodes).toEqual([1, 2, 3, 4, 5]);
        // The cluster ends when all nodes have exited.
        else if (kind === 'failed-disk') expect(nodes).toEqual([2, 3, 4, 5]);
        else expect(steps).toBe(planned.steps);
        if (nodes.length > 0) expect(steps[0]!.fault.type).toBe(planned.steps[0]!.fault.type);
      }
    }
  });
});

describe('kinds', () => {
  it('are named singly or by group, without duplicates', () => {
    expect(parseKinds('pause, kill-one')).toEqual(['pause', 'kill-one']);
    expect(parseKinds('kill,kill-leader,pause')).toEqual([...GROUPS['kill']!, 'pause']);
    expect(parseKinds('mixed')).toEqual([...KINDS]);
  });
  it.each(['', 'earthquake', 'kill,,pause', 'constructor'])('%j is none', (list) => {
    expect(() => parseKinds(list)).toThrow(/there is no fault/);
  });
});

it('random picks and shuffles are uniform', () => {
  const random = new Random('even');
  const counts = new Map<number, number>();
  for (let i = 0; i < 6_000; i++) counts.set(random.integer(1, 6), (counts.get(random.integer(1, 6)) ?? 0) + 1);
  expect([...counts.keys()].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  expect(random.shuffle([1, 2, 3, 4]).sort()).toEqual([1, 2, 3, 4]);
  expect(() => random.pick([])).toThrow(RangeError);
  expect(new Random('a').stream('x').next()).not.toBe(new Random('a').stream('y').next());
});
