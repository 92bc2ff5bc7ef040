/**
 * Measures the delay of the event loop, every 10 ms while the process is busy and not at all while it idles: sampling
 * itself wakes the loop, and an idle loop delays nothing.
 *
 * Each delay is passed on once and not kept, so that it can be counted since process start and several scrapers do not
 * disturb each other. (Node's `monitorEventLoopDelay` has percentiles since its last reset only.) Whether the process
 * is busy is read from its CPU time, once a second.
 */
import type { Registry } from 'prom-client';
import type { Runtime, Timer } from '../../shard/index.js';
import { CountedHistogram, Series, type AllSeries } from './counted-histogram.js';

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

/** Finest where a busy process should be, since percentiles between two scrapes are computed from them. */
const BUCKETS_SECONDS = [
  0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
];

/** The delays as a Prometheus histogram. */
export class LoopDelays extends CountedHistogram<never> {
  static readonly help = 'Delay of the event loop: lateness of a timer, sampled every 10 ms while the process is busy.';
  /** Upper bounds, in seconds. */
  static readonly buckets = BUCKETS_SECONDS;
  readonly #delays = new Series(BUCKETS_SECONDS);

  constructor(registers: Registry[]) {
    const { help } = LoopDelays;
    super({ name: 'kvorum_event_loop_delay_seconds', help, labelNames: [], buckets: BUCKETS_SECONDS }, registers);
  }

  add(seconds: number): void {
    this.#delays.add(seconds);
  }

  protected series(): AllSeries<never> {
    return [[{}, this.#delays]];
  }
}
