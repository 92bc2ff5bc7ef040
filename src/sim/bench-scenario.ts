/**
 * The scenario for measuring the simulator's speed: a cluster with the default timers and clients with long pauses
 * between operations, under the faults that the seed generates. The campaign's own scenarios are denser: a simulated
 * second holds several times as many messages and operations there, so fewer of them fit into a real one.
 */
import { DEFAULT_TIMERS } from '../shard/index.js';
import type { Scenario } from './scenario.js';

const DURATION_MS = 20_000;
/** Mean pause of each client between two operations. */
const THINK_MS = 500;

export const benchScenario = (scenario: Scenario): Scenario => ({
  ...scenario,
  timers: DEFAULT_TIMERS,
  durationMs: DURATION_MS,
  thinkMs: THINK_MS,
});
