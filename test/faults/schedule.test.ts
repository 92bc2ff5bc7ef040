import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { randomSchedule, type Step } from '../../scripts/faults/schedule.js';
import { checkFault } from '../../src/faults/index.js';

const options = fc.record({
  seed: fc.string({ maxLength: 12, size: 'max' }),
  nodes: fc.integer({ min: 1, max: 9 }),
  seconds: fc.integer({ min: 1, max: 120 }),
});

/** Plays the signals: how many nodes are out at worst. @throws at a signal that the node's state does not allow */
function mostOut(steps: readonly Step[]): number {
  const out = new Map<number, string>();
  let most = 0;
  for (const { fault } of steps) {
    if (fault.type === 'heal') out.clear();
    if (fault.type === 'kill' || fault.type === 'pause') {
      if (out.has(fault.node)) throw new Error(`${fault.type} ${fault.node}, which is out already`);
      out.set(fault.node, fault.type);
    }
    most = Math.max(most, out.size);
  }
  return most;
}

describe('a random schedule', () => {
  it('depends on the seed alone', () => {
    const course = (seed: string) => randomSchedule({ seed, nodes: 5, seconds: 60 });
    expect(course('8f3a')).toEqual(course('8f3a'));
    expect(course('8f3a')).not.toEqual(course('8f3b'));
  });

  it('holds only faults that suit the cluster, in order of time, and ends with heal', () => {
    fc.assert(
      fc.property(options, ({ seed, nodes, seconds }) => {
        const steps = randomSchedule({ seed, nodes, seconds });
        for (const { fault } of steps) expect(checkFault(fault, { nodes, routers: 1 })).toEqual(fault);
        const times = steps.map(({ atMs }) => atMs);
        expect(times).toEqual([...times].sort((a, b) => a - b));
        expect(times.at(-1)).toBeLessThanOrEqual(seconds * 1000);
        expect(steps.at(-1)?.fault).toEqual({ type: 'heal' });
        expect(steps.length).toBeGreaterThan(1);
        expect(mostOut(steps)).toBeLessThanOrEqual(Math.max(1, Math.floor((nodes - 1) / 2)));
      }),
    );
  });

  it('contains every kind eventually', () => {
    const steps = randomSchedule({ seed: 'long', nodes: 5, seconds: 2000 });
    const kinds = new Set(steps.map(({ fault }) => fault.type));
    const all = ['partition', 'isolate', 'cut', 'ring', 'bridge', 'delay', 'drop', 'kill', 'pause', 'restart', 'heal'];
    expect([...kinds].sort()).toEqual([...all].sort());
  });
});
