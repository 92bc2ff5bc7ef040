/**
 * The runtime of a real process: the machine's clocks, timers and event loop.
 *
 * `performance.now()` is monotonic and continues while the process is stopped, which leases require.
 */
import type { Runtime, Timer } from './runtime.js';

/** Node truncates both the delay and its clock: without the extra one, a timer may be early by two milliseconds. */
const wholeMs = (ms: number): number => Math.ceil(ms) + 1;

export function systemRuntime(random: () => number = Math.random): Runtime {
  return {
    now: () => performance.now(),
    wallTime: () => Date.now(),
    random,
    defer: (task) => {
      setImmediate(task);
    },
    after: (ms, task) => timer(setTimeout(task, wholeMs(ms))),
    every: (ms, task) => timer(setInterval(task, ms)),
  };
}

function timer(handle: NodeJS.Timeout): Timer {
  return {
    cancel: () => {
      clearTimeout(handle);
    },
  };
}
