/** Raft timers and their defaults. They must be equal on all nodes of a cluster (`settings.ts`). */
export interface NodeTimers {
  readonly tickMs: number;
  /** T in ticks: an election starts after [T, 2T) without a leader. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
}

export const DEFAULT_TIMERS: NodeTimers = { tickMs: 50, electionTicks: 10, heartbeatTicks: 2 };
