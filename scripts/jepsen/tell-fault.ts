/** Faults and slots in words, for the plan that is printed before a run and the story that is told while it goes on. */
import type { Fault } from '../../src/faults/index.js';
import type { LeaderFault, PlannedFault, Slot } from './schedule.js';

export function tellFault(fault: Fault | LeaderFault): string {
  if ('leaderOf' in fault) return `${fault.type} the leader of shard ${fault.leaderOf}`;
  switch (fault.type) {
    case 'partition':
      return fault.sides.map((side) => side.join(',')).join(' | ');
    case 'isolate':
      return `isolate ${fault.node}`;
    case 'cut':
      return `${fault.from}>${fault.to}`;
    case 'ring':
    case 'bridge':
      return (fault.order ?? []).join('-');
    case 'delay':
      return `${fault.a}-${fault.b} ${fault.ms}ms`;
    case 'drop':
      return `${fault.a}-${fault.b} ${fault.percent}%`;
    case 'kill':
    case 'pause':
    case 'resume':
    case 'restart':
      return `${fault.type} ${fault.node}`;
    case 'slow-disk':
      return `${fault.node} ${fault.ms}ms`;
    case 'heal':
      return 'heal';
  }
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)}s`;

/** What happens at the same time is told together: `kill 1, kill 2; +1.5s restart 1`. */
function tellPlanned({ kind, steps }: PlannedFault): string {
  const moments = new Map<number, string[]>();
  for (const { afterMs, fault } of steps) moments.set(afterMs, [...(moments.get(afterMs) ?? []), tellFault(fault)]);
  const parts = [...moments].map(([ms, faults]) => (ms === 0 ? '' : `+${seconds(ms)} `) + faults.join(', '));
  return `${kind}: ${parts.join('; ')}`;
}

export const tellSlot = ({ atMs, lastsMs, faults }: Slot): string =>
  `${seconds(atMs).padStart(7)} for ${seconds(lastsMs).padStart(5)}  ${faults.map(tellPlanned).join('  AND  ')}`;
