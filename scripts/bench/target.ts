/** The port for what is measured: something that runs, can be driven by a row of the workload, and counts. */
import type { LoadOutcome } from './load.js';
import type { DelayCounts } from './loop-delay.js';
import type { Row } from './workload.js';

export const TARGETS = ['kvorum', 'kvorum-base', 'echo', 'sqlite', 'etcd-gateway', 'etcd-grpc'] as const;
export type TargetName = (typeof TARGETS)[number];

/** What a store tells of itself: totals since its start, all nodes together. */
export interface Counters {
  /** Durable commits; a lower bound of the syncs, where these are not counted. */
  readonly commits: number;
  /** Log entries that were written in them. */
  readonly entries: number | undefined;
  /** Of each node's event loop. */
  readonly loopDelays: readonly DelayCounts[];
}

export interface Target {
  readonly name: TargetName;
  /** Every process that serves. */
  readonly pids: readonly number[];
  /** Those of them that store, in the order of the nodes. */
  readonly nodePids: readonly number[];
  /** How many of these write each put. */
  readonly replicas: number;
  /** Why it cannot be asked for this; undefined: it can. */
  cannot(row: Row): string | undefined;
  drive(row: Row, seconds: number): Promise<LoadOutcome>;
  counters?(): Promise<Counters>;
}
