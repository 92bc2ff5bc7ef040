/**
 * What a seed generates: the size of the cluster, its load, and its faults. Plain data, so that a failure can be run
 * again with less of everything.
 */
import type { CheckpointLimits, NodeTimers } from '../shard/index.js';
import type { FaultPlan } from './fault-plan.js';
import type { Model } from './model.js';
import type { NarrowLinkParameters } from './narrow-link.js';
import type { NodeSettings } from './node-settings.js';
import type { TrialParameters } from './trial.js';

export interface Scenario {
  /** Models requested for it; undefined = those that its seed generated. */
  readonly models?: readonly Model[];
  readonly nodes: number;
  readonly shards: number;
  readonly replicas: number;
  readonly routers: number;
  readonly clients: number;
  readonly keys: number;
  /** Virtual milliseconds of phase one. */
  readonly durationMs: number;
  /** Mean pause of a client between two operations, ms. */
  readonly thinkMs: number;
  readonly valueBytes: number;
  readonly leaseReads: boolean;
  /** Share of a client's writes that it retries itself, under one id, until the outcome is known. */
  readonly keyedShare: number;
  readonly dedupEntries: number;
  /** Room for ids that clients choose. */
  readonly keyedEntries: number;
  /** Share of the clients' operations that are programs: increments, times to live, batches, transactions. */
  readonly programShare: number;
  /** Share of the clients' operations that are stale reads with a bound; undefined = none. */
  readonly boundedShare?: number;
  /** Keys that hold numbers, `c1`, `c2`, …; the others are `k1`, `k2`, … */
  readonly counters: number;
  readonly timers: NodeTimers;
  /** Settings by node that replace `timers` and `leaseReads`; undefined = all nodes have the same. */
  readonly settings?: readonly NodeSettings[];
  /** For the dispatchers in routers and nodes; undefined = as in production. */
  readonly dispatch?: DispatchParameters;
  /** A tick is late by up to this share of its interval (below 1), the next one on time; 0 or undefined = on time. */
  readonly tickLateness?: number;
  /** Clients of transactions over lists, beside the others; undefined = none. */
  readonly transactions?: TransactionParameters;
  /** Clients of ranges and namespaces, beside the others; undefined = none. */
  readonly ranges?: RangeParameters;
  /** Replicas must catch up before the clients stop. */
  readonly busyEnd?: boolean;
  /** Numbers of nodes and routers that are of the previous build until they are restarted. */
  readonly former?: { readonly nodes: number; readonly routers: number };
  /** What happens to one node after healing. */
  readonly trial?: TrialParameters;
  readonly checkpoints: CheckpointLimits;
  readonly appendBytes: number;
  readonly snapshotChunkBytes: number;
  /** Timeouts that are longer in production than any run; undefined = as in production. */
  readonly patience?: PatienceParameters;
  readonly network: NetworkParameters;
  readonly disk: DiskParameters;
  readonly clocks: ClockParameters;
  /** Ordered by time; a shrunk scenario has fewer of them. */
  readonly faults: readonly FaultPlan[];
}

export interface TransactionParameters {
  readonly clients: number;
  readonly keys: number;
  /** Share of a client's transactions that it repeats itself, under one id, until the outcome is known. */
  readonly keyedShare: number;
  /** Mean pause of a client between two transactions, ms. */
  readonly thinkMs: number;
}

export interface RangeParameters {
  readonly clients: number;
  /** In each folder and namespace. */
  readonly keys: number;
  readonly namespaces: number;
  /** Values are that long at most. */
  readonly valueBytes: number;
  /** Share of a client's writes that it repeats itself, under one id, until the outcome is known. */
  readonly keyedShare: number;
  /** Mean pause of a client between two requests, ms. */
  readonly thinkMs: number;
}

export interface NetworkParameters {
  /** One-way delay: the minimum, and the mean of the random part (exponential). */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Applies to consensus messages. */
  readonly lossProbability: number;
  readonly duplicateProbability: number;
  readonly reorderProbability: number;
  /** Applies to every link between two processes, per direction; undefined = unlimited bandwidth. */
  readonly narrow?: NarrowLinkParameters;
}

/** Whether consensus messages get lost on links that stay up. */
export const losesMessages = ({ network, faults }: Pick<Scenario, 'network' | 'faults'>): boolean =>
  network.lossProbability > 0 || faults.some(({ kind }) => kind === 'lossy');

/** All in ms. */
export interface PatienceParameters {
  /** For snapshots, and chunks of them, that are not requested or answered. */
  readonly snapshotMs: number;
  /** Retention of answers to writes, by the replicated clock. */
  readonly dedupWindowMs: number;
}

/** All in ms. */
export interface DispatchParameters {
  readonly attemptMs: number;
  readonly sweepMs: number;
  readonly backoffFirstMs: number;
  readonly backoffMostMs: number;
}

export interface DiskParameters {
  /** Duration of a sync: the minimum, and the mean of the random part (exponential). */
  readonly syncMs: number;
  readonly jitterMs: number;
  /** Probability of a sync that takes a hundred times as long. */
  readonly stallProbability: number;
}

export interface ClockParameters {
  /** Each node's clock runs faster or slower by up to this share. */
  readonly drift: number;
  /** Each node's wall clock is off by up to this many ms. */
  readonly skewMs: number;
}

/**
 * The answer of each program is a row: a snapshot of them in tiny chunks would not arrive before the log is compacted
 * again, and a follower would never catch up while clients go on.
 */
export const withRoomForAnswers = <S extends Pick<Scenario, 'snapshotChunkBytes' | 'checkpoints'>>(scenario: S): S => ({
  ...scenario,
  snapshotChunkBytes: Math.max(scenario.snapshotChunkBytes, 4_000),
  checkpoints: { ...scenario.checkpoints, followerBytes: 20_000, nodeFollowerBytes: 50_000 },
});
