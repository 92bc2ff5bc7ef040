/**
 * How long the event loop keeps work waiting, measured finely while the process is busy and not at all while it idles:
 * the measuring itself wakes the loop, and an idle loop keeps nothing waiting.
 *
 * Knows nothing of what the process does; reads its CPU time once a second.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { EventLoopDelay } from './metrics.js';
import type { Runtime } from '../shard/index.js';

const RESOLUTION_MS = 10;
const LOOK_MS = 1_000;
/** CPU time in a second above which a process is busy. */
const BUSY_MS = 50;

export interface LoopDelay extends EventLoopDelay {
  stop(): void;
}

export function measureLoopDelay(runtime: Runtime): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let last = process.cpuUsage();
  const timer = runtime.every(LOOK_MS, () => {
    const { user, system } = process.cpuUsage(last);
    last = process.cpuUsage();
    if ((user + system) / 1_000 > BUSY_MS) histogram.enable();
    else histogram.disable();
  });
  // It counts the whole time between two looks: its resolution is no delay.
  const beyond = (nanos: number): number => Math.max(0, nanos - RESOLUTION_MS * 1e6);
  return {
    percentile: (percentage) => beyond(histogram.percentile(percentage)),
    get max() {
      return beyond(histogram.max);
    },
    reset: () => {
      histogram.reset();
    },
    stop: () => {
      timer.cancel();
      histogram.disable();
    },
  };
}
