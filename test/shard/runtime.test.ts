/** The runtime of a process, and those of the simulator and the tests: all satisfy the same contract. */
import { vi } from 'vitest';
import { systemRuntime } from '../../src/shard/system-runtime.js';
import { IncarnationRuntime, MachineClock } from '../../src/sim/clock.js';
import { Random, seededRandom } from '../../src/random.js';
import { Incarnation, Scheduler } from '../../src/sim/scheduler.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';
import { ManualRuntime } from './manual-runtime.js';
import { runtimeContract, type RuntimeWorld } from './runtime.contract.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The real one, which takes real milliseconds. The wall clock is stepped by replacing `Date.now`. */
function realWorld(): RuntimeWorld {
  const runtime = systemRuntime();
  const date = Date.now;
  let offsetMs = 0;
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => date() + offsetMs);
  return {
    runtime,
    pass: async (ms) => {
      const until = performance.now() + ms;
      // Two more: timers count whole milliseconds.
      while (performance.now() < until + 2) await turn();
      for (let i = 0; i < 3; i++) await turn();
    },
    stall: (ms) => {
      const until = performance.now() + ms;
      while (performance.now() < until);
      return Promise.resolve();
    },
    stepWall: (ms) => {
      offsetMs += ms;
    },
    close: () => {
      spy.mockRestore();
    },
  };
}

runtimeContract('of a process', realWorld, {
  exact: false,
  // Timers count whole milliseconds of a clock that is read before they are set.
  grainMs: 1,
  seeded: (seed) => systemRuntime(seededRandom(seed)),
});

interface Machine {
  readonly rate?: number;
  readonly lateness?: number;
}

const incarnationWorld =
  ({ rate = 1, lateness }: Machine = {}, seed = 3) =>
  (): RuntimeWorld => {
    const scheduler = new Scheduler();
    const clock = new MachineClock(scheduler, rate, 5_000);
    const incarnation = new Incarnation();
    return {
      runtime: new IncarnationRuntime(scheduler, clock, incarnation, new Random(seed), lateness),
      pass: (ms) => scheduler.run(ms / rate),
      stall: async (ms) => {
        incarnation.pause();
        await scheduler.run(ms / rate);
        scheduler.resume(incarnation);
      },
      stepWall: (ms) => {
        clock.jumpWall(ms);
      },
    };
  };

const incarnations: readonly (readonly [string, Machine, boolean])[] = [
  ['on time', {}, true],
  ['on a fast clock', { rate: 1.09 }, true],
  ['on a slow clock', { rate: 0.91 }, true],
  ['on a loaded machine', { lateness: 0.99 }, false],
];
for (const [what, machine, exact] of incarnations) {
  runtimeContract(`of a simulated incarnation ${what}`, incarnationWorld(machine), {
    exact,
    grainMs: 1e-6,
    seeded: (seed) => incarnationWorld(machine, seed)().runtime,
  });
}

runtimeContract(
  'in virtual time',
  () => {
    const runtime = new VirtualRuntime();
    return {
      runtime,
      pass: (ms) => runtime.run(ms),
      stepWall: (ms) => {
        runtime.stepWall(ms);
      },
    };
  },
  { exact: true, grainMs: 1e-6, seeded: (seed) => new VirtualRuntime(seed) },
);

for (const defers of ['soon', 'by-hand'] as const) {
  runtimeContract(
    `by hand, deferred ${defers}`,
    () => {
      const runtime = new ManualRuntime(defers);
      const soon = async (): Promise<void> => {
        for (let i = 0; i < 3; i++) await turn();
        runtime.run();
      };
      return {
        runtime,
        pass: async (ms) => {
          await soon();
          runtime.advance(ms);
          await soon();
        },
      };
    },
    { exact: true, grainMs: 1e-6, seeded: undefined },
  );
}
