/**
 * What an operator may set at each node, and what two nodes of one cluster may be started with. The topology decides
 * which settings apply (`shard/cluster/settings.ts`): those of the first start, or later those that all nodes share.
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
 * As different as a cluster tolerates: every node receives two heartbeats of any other within its election timeout.
 * Nodes with long timeouts hold leases long after those with short ones have elected another leader, unless the latter
 * announce how long they wait.
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

/** The longest that any of these nodes was ever started with: the cluster may still use it. */
export const longestElectionMs = (nodes: readonly { readonly longestElectionMs: number }[]): number =>
  Math.max(...nodes.map((node) => node.longestElectionMs));
