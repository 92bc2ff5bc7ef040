/**
 * What a seed draws: how large the cluster is, how it is used, and what goes wrong. Plain data, so that a failure can
 * be run again with less of everything.
 */
import type { CheckpointLimits, NodeTimers } from '../shard/index.js';
import type { FaultPlan } from './fault-plan.js';
import type { Model } from './model.js';
import type { NarrowLinkParameters } from './narrow-link.js';
import type { NodeSettings } from './node-settings.js';
import type { TrialParameters } from './trial.js';

export interface Scenario {
  /** Models that were named for it; undefined = it has what its seed drew. */
  readonly models?: readonly Model[];
  readonly nodes: number;
  readonly shards: number;
  readonly replicas: number;
  readonly routers: number;
  readonly clients: number;
  readonly keys: number;
  /** Virtual milliseconds of phase one. */
  readonly durationMs: number;
  /** Mean pause of a client between two operations. */
  readonly thinkMs: number;
  readonly valueBytes: number;
  readonly leaseReads: boolean;
  /** Share of a client's writes that it repeats by itself, under one id, until it knows what became of them. */
  readonly keyedShare: number;
  readonly rememberedAnswers: number;
  readonly timers: NodeTimers;
  /** By node, what it is started with instead of `timers` and `leaseReads`; undefined = all are alike. */
  readonly settings?: readonly NodeSettings[];
  /** Of the dispatchers in routers and nodes; undefined = as they are in production. */
  readonly dispatch?: DispatchParameters;
  /** A tick comes late by up to this share of it (below 1), and the next one when it is due; 0 or undefined: when due. */
  readonly tickLateness?: number;
  /** Replicas are to catch up before the clients stop. */
  readonly busyEnd?: boolean;
  /** So many nodes, and routers, are of the build before, until they are started anew. */
  readonly former?: { readonly nodes: number; readonly routers: number };
  /** What one node gets into once all has healed. */
  readonly trial?: TrialParameters;
  readonly checkpoints: CheckpointLimits;
  readonly appendBytes: number;
  readonly snapshotChunkBytes: number;
  /** What takes longer in production than any run lasts; undefined = as it is there. */
  readonly patience?: PatienceParameters;
  readonly network: NetworkParameters;
  readonly disk: DiskParameters;
  readonly clocks: ClockParameters;
  /** In the order of time; a smaller failure has fewer of them. */
  readonly faults: readonly FaultPlan[];
}

export interface NetworkParameters {
  /** One-way delay: at least, and the mean of what is added (exponential). */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Of consensus messages. */
  readonly lossProbability: number;
  readonly duplicateProbability: number;
  readonly reorderProbability: number;
  /** Of every link between two processes, in each direction; undefined = links carry everything at once. */
  readonly narrow?: NarrowLinkParameters;
}

/** In ms. */
export interface PatienceParameters {
  /** Snapshots, and chunks of them, that nobody asks for or answers. */
  readonly snapshotMs: number;
  /** Answers of writes, by the replicated clock. */
  readonly rememberedMs: number;
}

/** In ms. */
export interface DispatchParameters {
  readonly attemptMs: number;
  readonly sweepMs: number;
  readonly backoffFirstMs: number;
  readonly backoffMostMs: number;
}

export interface DiskParameters {
  /** A sync takes at least this, and the mean of what is added (exponential). */
  readonly syncMs: number;
  readonly jitterMs: number;
  /** Of a sync that takes a hundred times as long. */
  readonly stallProbability: number;
}

export interface ClockParameters {
  /** Each node's clock runs faster or slower by up to this share. */
  readonly drift: number;
  /** Each node's wall clock is off by up to so many ms. */
  readonly skewMs: number;
}
