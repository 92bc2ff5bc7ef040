/**
 * What the simulator's speed is measured on: a cluster with the timers that it has by default and clients that ask now
 * and then, under the faults that the seed draws. The campaign's own mixes are denser: there a simulated second holds
 * several times as many messages and operations, so fewer of them fit into a real one.
 */
import { DEFAULT_TIMERS } from '../shard/index.js';
import type { Scenario } from './scenario.js';

const DURATION_MS = 20_000;
/** Of each client, between two operations; the mean. */
const THINK_MS = 500;

export const benchScenario = (scenario: Scenario): Scenario => ({
  ...scenario,
  timers: DEFAULT_TIMERS,
  durationMs: DURATION_MS,
  thinkMs: THINK_MS,
});
