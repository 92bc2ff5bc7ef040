/**
 * Models: conditions that a seed may add to what `generate.ts` generates, each with its own probability and from a
 * stream of its own, so that a further model changes nothing in other seeds. A model named on the command line
 * (`--models`) is part of every seed.
 */
import { FAULT_KINDS, MODEL_FAULT_KINDS, type FaultKind } from './fault-plan.js';

export const MODELS = [
  /** Links carry a limited number of bytes per second and queue the rest. */
  'narrow-links',
  /** A disk completes nothing for seconds, and then continues. */
  'hung-disk',
  /** A disk is full for a while, and then has room again: its node must not end for that. */
  'full-disk',
  /** While its node is down, a disk is rolled back to its content at an earlier moment. */
  'rolled-back-disk',
  /** While its node is down, a disk loses all that was on it. */
  'wiped-disk',
  /** Routers give up a silent node long before a client does, sweep at other times, and retry at others. */
  'short-attempts',
  /** What production waits for, or keeps, longer than any run lasts is given up, or evicted, soon. */
  'short-patience',
  /** Ticks come late by up to a tick, and the next one early. */
  'late-ticks',
  /** Timers and lease reads differ between nodes, and change from one start to the next. */
  'unlike-settings',
  /** All nodes are restarted one by one with new settings, the same at each: these come into force. */
  'rolling-settings',
  /** As above, and a node learns of no change of the topology for a while: restarted, it uses an old copy. */
  'old-topology',
  /** Nodes and routers of the previous build, which are restarted as the current one; some stay as they are. */
  'rolling-upgrade',
  /** Nodes of another cluster with the same settings try to link. */
  'foreign-node',
  /** A copy of a node's disk is started beside the node. */
  'copied-node',
  /** Replicas have to catch up while clients continue. */
  'busy-end',
  /** After healing, one node's disk hangs and is not repaired: the others have to serve. */
  'hung-alone',
  /** The same with a disk that has failed. */
  'failed-alone',
  /** Some clients run transactions over lists in several shards. */
  'transactions',
  /** Some clients page through ranges of keys, stream, count and delete them, and use small namespaces. */
  'ranges',
] as const;

export type Model = (typeof MODELS)[number];

/** Probability of each per seed by default. 0 = only when named. */
export const MODEL_CHANCES: Readonly<Record<Model, number>> = {
  'narrow-links': 0.1,
  'hung-disk': 0.06,
  'full-disk': 0.06,
  'rolled-back-disk': 0.04,
  'wiped-disk': 0.04,
  'short-attempts': 0.2,
  'short-patience': 0.15,
  'late-ticks': 0.1,
  'unlike-settings': 0.06,
  'rolling-settings': 0.05,
  'old-topology': 0.05,
  'rolling-upgrade': 0.06,
  'foreign-node': 0.04,
  'copied-node': 0.04,
  'busy-end': 0.3,
  'hung-alone': 0.06,
  'failed-alone': 0.06,
  transactions: 0.3,
  ranges: 0.15,
};

/** Kinds of faults that some seeds have by default. */
export const DEFAULT_FAULT_KINDS: readonly FaultKind[] = [
  ...FAULT_KINDS,
  ...MODEL_FAULT_KINDS.filter((kind) => MODEL_CHANCES[kind] > 0),
];
