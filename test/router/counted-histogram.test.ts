/** Histograms of durations and delays are rendered exactly as by prom-client's own histogram. */
import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { LoopDelays } from '../../src/router/admin/loop-delay.js';
import { RequestDurations } from '../../src/router/admin/request-durations.js';

const observation = fc.record({
  operation: fc.constantFrom('get' as const, 'put' as const, 'delete' as const, 'other' as const),
  code: fc.constantFrom('ok' as const, 'key-not-found' as const, 'timeout' as const),
  // Whole microseconds, on the bounds of buckets and around them; and far outside.
  ms: fc.oneof(fc.constantFrom(0, 0.5, 1, 2, 5, 10, 10_000), fc.double({ min: 0, max: 20_000, noNaN: true })),
});

/** The rendered lines of a registry with nothing else, sorted: series are rendered in order of their first use. */
const lines = async (registry: Registry): Promise<string[]> => (await registry.metrics()).trim().split('\n').sort();

it('of requests: renders the same as a histogram of prom-client', async () => {
  const name = 'kvorum_request_duration_seconds';
  await fc.assert(
    fc.asyncProperty(fc.array(observation, { maxLength: 40, size: 'max' }), async (observations) => {
      const [ours, theirs] = [new Registry(), new Registry()];
      const durations = new RequestDurations([ours]);
      const { buckets, help } = RequestDurations;
      const labelNames = ['operation', 'code'] as const;
      const histogram = new Histogram({ name, help, labelNames, buckets, registers: [theirs] });
      for (const { operation, code, ms } of observations) {
        durations.add(operation, code, ms);
        histogram.observe({ operation, code }, ms / 1_000);
      }
      expect(await lines(ours)).toEqual(await lines(theirs));
    }),
    { numRuns: 200 },
  );
});

it('without labels: renders the same as a histogram of prom-client, also while empty', async () => {
  const name = 'kvorum_event_loop_delay_seconds';
  const delay = fc.oneof(fc.constantFrom(0, 0.001, 0.01, 2.5), fc.double({ min: 0, max: 5, noNaN: true }));
  await fc.assert(
    fc.asyncProperty(fc.array(delay, { maxLength: 40, size: 'max' }), async (seconds) => {
      const [ours, theirs] = [new Registry(), new Registry()];
      const delays = new LoopDelays([ours]);
      const { buckets, help } = LoopDelays;
      const histogram = new Histogram({ name, help, buckets, registers: [theirs] });
      for (const each of seconds) {
        delays.add(each);
        histogram.observe(each);
      }
      expect(await lines(ours)).toEqual(await lines(theirs));
    }),
    { numRuns: 200 },
  );
});
