/** What a node counts time in, and the defaults. Every node of a cluster has to have the same (`settings.ts`). */
export interface NodeTimers {
  readonly tickMs: number;
  /** T in ticks: an election starts after [T, 2T) without a leader. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
}

export const DEFAULT_TIMERS: NodeTimers = { tickMs: 50, electionTicks: 10, heartbeatTicks: 2 };
