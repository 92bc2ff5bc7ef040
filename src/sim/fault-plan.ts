/** Which faults a simulation injects, and when: plain data. `nemesis.ts` carries it out. */

export const FAULT_KINDS = [
  // The network between nodes, and between routers and nodes.
  'halves',
  'isolate-leader',
  'depose-twice',
  'one-way',
  'ring',
  'bridge',
  'flapping',
  'router-cut',
  'slow-link',
  'lossy',
  'reset-links',
  // Processes.
  'kill',
  'kill-leader',
  'kill-all',
  'crash-at-sync',
  'power-cut',
  'restart',
  'pause',
  'freeze-leader',
  'kill-router',
  // Disks.
  'slow-disk',
  'slow-leader-disk',
  'disk-stall',
  'disk-full',
  'sync-failure',
  'bit-flip',
  // Clocks.
  'clock-jump',
  'clock-drift',
] as const;

/** Kinds that only the model of the same name adds to a seed (`model.ts`). */
export const MODEL_FAULT_KINDS = [
  // Disks.
  'hung-disk',
  'full-disk',
  'rolled-back-disk',
  'wiped-disk',
  // Processes.
  'unlike-settings',
  'rolling-settings',
  'old-topology',
  'rolling-upgrade',
  'foreign-node',
  'copied-node',
] as const;

export type ModelFaultKind = (typeof MODEL_FAULT_KINDS)[number];
export type FaultKind = (typeof FAULT_KINDS)[number] | ModelFaultKind;

export interface FaultPlan {
  /** Number within the scenario; a fault keeps it when others are left out. */
  readonly id: number;
  /** Virtual milliseconds after the start of phase one. */
  readonly atMs: number;
  readonly lastsMs: number;
  readonly kind: FaultKind;
  /** Seeds all further choices for this fault, so that leaving out another fault does not change them. */
  readonly seed: number;
}
