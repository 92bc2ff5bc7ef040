import { describe, expect, it } from 'vitest';
import { measureLoopDelay } from '../../src/router/index.js';
import { Metrics } from '../../src/router/admin/metrics.js';
import type { Runtime } from '../../src/shard/index.js';
import { FakeBackend } from '../support/fake-backend.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';
import { Dispatcher } from '../../src/router/dispatch/dispatcher.js';

/** A process whose timers come late by what `late` says, and that uses `cpuShare` of a core. */
class Scene {
  readonly runtime = new VirtualRuntime();
  readonly delays: number[] = [];
  late = 0;
  cpuShare = 1;
  #cpuMs = 0;
  #countedTo = 0;
  readonly #clock: Pick<Runtime, 'now' | 'every'> = {
    // Only the clock shows that a sample came late.
    now: () => this.runtime.now() + this.late,
    every: (ms, task) => this.runtime.every(ms, task),
  };
  readonly measured = measureLoopDelay(this.#clock, () => this.#cpu());

  constructor() {
    this.measured.onDelay((seconds) => this.delays.push(seconds));
  }

  #cpu(): number {
    this.#cpuMs += (this.runtime.now() - this.#countedTo) * this.cpuShare;
    this.#countedTo = this.runtime.now();
    return this.#cpuMs;
  }
}

describe('the delay of the event loop', () => {
  it('is sampled while the process is busy, and not while it idles', async () => {
    const scene = new Scene();
    scene.cpuShare = 0.05;
    await scene.runtime.run(5_000);
    expect(scene.delays).toEqual([]);
    scene.cpuShare = 0.06;
    await scene.runtime.run(1_000);
    await scene.runtime.run(500);
    expect(scene.delays).toEqual(Array(50).fill(0));
    scene.cpuShare = 0;
    await scene.runtime.run(1_000);
    const before = scene.delays.length;
    await scene.runtime.run(5_000);
    expect(scene.delays.length).toBe(before);
  });

  it('is how much later than due a sample comes', async () => {
    const scene = new Scene();
    await scene.runtime.run(1_010);
    scene.late = 40;
    await scene.runtime.run(10);
    expect(scene.delays).toEqual([0, 0.04]);
    scene.measured.stop();
    await scene.runtime.run(5_000);
    expect(scene.delays.length).toBe(2);
  });

  it('two scrapers see the same, however many there are', async () => {
    const scene = new Scene();
    const backend = new FakeBackend();
    const dispatcher = new Dispatcher({ backend, runtime: scene.runtime, shardOfKey: () => 0 });
    const loopDelay = scene.measured;
    const metrics = new Metrics({ backend, dispatcher, loopDelay, lostLogLines: () => 3, processMetrics: false });
    await scene.runtime.run(1_010);
    scene.late = 40;
    await scene.runtime.run(10);
    metrics.observe('get', 'ok', 3);
    metrics.slow(false);
    const first = await metrics.render();
    for (const line of [
      'kvorum_event_loop_delay_seconds_bucket{le="0.03"} 1',
      'kvorum_event_loop_delay_seconds_bucket{le="0.05"} 2',
      'kvorum_event_loop_delay_seconds_count 2',
      'kvorum_log_lines_lost_total 3',
      'kvorum_slow_requests_total 1',
      'kvorum_slow_requests_unlogged_total 1',
    ]) {
      expect(first.split('\n')).toContain(line);
    }
    expect(await metrics.render()).toBe(first);
    expect(await Promise.all([metrics.render(), metrics.render()])).toEqual([first, first]);
  });
});
