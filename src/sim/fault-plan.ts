/** What goes wrong in a simulation, and when: plain data. `nemesis.ts` does it. */

export const FAULT_KINDS = [
  // The network between nodes, and between routers and nodes.
  'halves',
  'isolate-leader',
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

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultPlan {
  /** Its number in the mix: a fault keeps it when others are left out. */
  readonly id: number;
  /** Virtual milliseconds after the start of phase one. */
  readonly atMs: number;
  readonly lastsMs: number;
  readonly kind: FaultKind;
  /** Whatever else is drawn for it comes from here, so that leaving out another fault does not change it. */
  readonly seed: number;
}
