/**
 * What an operator may set at each node, and what two nodes of one cluster may be started with. By what they run, the
 * topology says (`shard/cluster/settings.ts`): what one of them was started with first, or all of them later.
 */
import type { NodeTimers } from '../shard/index.js';
import type { Scenario } from './scenario.js';
import type { Random } from '../random.js';

export interface NodeSettings {
  readonly timers: NodeTimers;
  readonly leaseReads: boolean;
}

/** @param id of the node, from 1 */
export const settingsOf = ({ settings, timers, leaseReads }: Scenario, id: number): NodeSettings =>
  settings?.[id - 1] ?? { timers, leaseReads };

/**
 * As unlike as a cluster bears: every node hears two heartbeats of any other in its election timeout. The patient hold
 * leases long after the hasty have elected somebody else, if these do not say how long they wait.
 */
export function generateSettings(random: Random, { tickMs }: NodeTimers): NodeSettings {
  const isHasty = random.chance(0.6);
  return {
    timers: {
      tickMs: tickMs * (isHasty ? 0.5 : random.pick([1, 2])),
      electionTicks: isHasty ? 8 : random.pick([12, 20]),
      heartbeatTicks: 1,
    },
    leaseReads: random.chance(isHasty ? 0.5 : 0.9),
  };
}

export const electionMsOf = ({ timers }: NodeSettings): number => timers.tickMs * timers.electionTicks;

/** Of whatever any of these nodes was ever started with: the cluster may still run by it. */
export const longestElectionMs = (nodes: readonly { readonly longestElectionMs: number }[]): number =>
  Math.max(...nodes.map((node) => node.longestElectionMs));
