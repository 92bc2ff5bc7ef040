/** Faults and slots as text, for the plan that is printed before a run and the log during it. */
import type { Fault } from '../../src/faults/index.js';
import { formatFault } from '../faults/arguments.js';
import type { LeaderFault, PlannedFault, Slot } from './schedule.js';

/** As typed for `npm run faults`. */
export const formatAnyFault = (fault: Fault | LeaderFault): string =>
  'leaderOf' in fault ? `${fault.type} leader:${fault.leaderOf}` : formatFault(fault);

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)}s`;

/** What happens at the same time is shown together: `kill 1, kill 2; +1.5s restart 1`. */
function formatPlanned({ kind, steps }: PlannedFault): string {
  const moments = new Map<number, string[]>();
  for (const { afterMs, fault } of steps)
    moments.set(afterMs, [...(moments.get(afterMs) ?? []), formatAnyFault(fault)]);
  const parts = [...moments].map(([ms, faults]) => (ms === 0 ? '' : `+${seconds(ms)} `) + faults.join(', '));
  return `${kind}: ${parts.join('; ')}`;
}

export const formatSlot = ({ atMs, lastsMs, faults }: Slot): string =>
  `${seconds(atMs).padStart(7)} for ${seconds(lastsMs).padStart(5)}  ${faults.map(formatPlanned).join('  AND  ')}`;
