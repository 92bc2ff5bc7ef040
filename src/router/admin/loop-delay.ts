/**
 * Measures the delay of the event loop, every 10 ms while the process is busy and not at all while it idles: sampling
 * itself wakes the loop, and an idle loop delays nothing.
 *
 * Each delay is passed on once and not kept, so that it can be counted since process start and several scrapers do not
 * disturb each other. (Node's `monitorEventLoopDelay` has percentiles since its last reset only.) Whether the process is
 * busy is read from its CPU time, once a second.
 */
import type { Runtime, Timer } from '../../shard/index.js';

const SAMPLE_INTERVAL_MS = 10;
const BUSY_CHECK_INTERVAL_MS = 1_000;
/** CPU time in a second above which a process is busy. */
const BUSY_MS = 50;

export interface LoopDelay {
  /** One listener, which gets each delay from now on, in seconds. */
  onDelay(listener: (seconds: number) => void): void;
  stop(): void;
}

/** @param cpuMs CPU time of this process since it started */
export function measureLoopDelay(runtime: Pick<Runtime, 'now' | 'every'>, cpuMs: () => number = ownCpuMs): LoopDelay {
  let report: (seconds: number) => void = () => undefined;
  let sampler: Timer | undefined;
  const startSampling = (): Timer => {
    let last = runtime.now();
    return runtime.every(SAMPLE_INTERVAL_MS, () => {
      const now = runtime.now();
      // The delay is how late the timer fired.
      report(Math.max(0, now - last - SAMPLE_INTERVAL_MS) / 1_000);
      last = now;
    });
  };
  let used = cpuMs();
  const timer = runtime.every(BUSY_CHECK_INTERVAL_MS, () => {
    const before = used;
    used = cpuMs();
    if (used - before > BUSY_MS) sampler ??= startSampling();
    else {
      sampler?.cancel();
      sampler = undefined;
    }
  });
  return {
    onDelay: (listener) => {
      report = listener;
    },
    stop: () => {
      timer.cancel();
      sampler?.cancel();
      sampler = undefined;
    },
  };
}

function ownCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
