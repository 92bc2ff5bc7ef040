/** Delay of the event loop (`loop-delay.ts`), as a Prometheus histogram. */
import type { Registry } from 'prom-client';
import { CountedHistogram, Series, type AllSeries } from './counted-histogram.js';

/** Finest where a busy process should be, since percentiles between two scrapes are computed from them. */
const BUCKETS_SECONDS = [
  0.001, 0.002, 0.004, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 2.5,
];

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
