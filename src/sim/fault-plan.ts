/** What goes wrong in a simulation, and when: plain data. `nemesis.ts` does it. */

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

/** Kinds that only a model of its own name adds to a seed (`model.ts`). */
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
  /** Its number in the scenario: a fault keeps it when others are left out. */
  readonly id: number;
  /** Virtual milliseconds after the start of phase one. */
  readonly atMs: number;
  readonly lastsMs: number;
  readonly kind: FaultKind;
  /** Whatever else is drawn for it comes from here, so that leaving out another fault does not change it. */
  readonly seed: number;
}
