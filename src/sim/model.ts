/**
 * Models: conditions that a seed may add to what `draw.ts` draws, each by its own chance and from a stream of its own,
 * so that one model more changes nothing of what other seeds draw. Named on the command line (`--models`), a model is
 * part of every seed.
 */
import { FAULT_KINDS, MODEL_FAULT_KINDS, type FaultKind } from './fault-plan.js';

export const MODELS = [
  /** Links carry so many bytes a second and queue the rest. */
  'narrow-links',
  /** A disk completes nothing for seconds, and then goes on. */
  'hung-disk',
  /** A disk has no room for a while, and then has some again: its node must not end for that. */
  'full-disk',
  /** While its node is down, a disk is put back to what it was at an earlier moment. */
  'rolled-back-disk',
  /** While its node is down, a disk loses all that was on it. */
  'wiped-disk',
  /** Routers give a silent node up long before a client gives up, look around at other times, and try again at others. */
  'short-attempts',
  /** What is waited for, or kept, longer in production than any run lasts is given up, or forgotten, soon. */
  'short-patience',
  /** Ticks come late by up to a tick, and the next one early. */
  'late-ticks',
  /** Timers and lease reads differ between nodes, and change from one start to the next. */
  'unlike-settings',
  /** All nodes are started anew one by one with other settings, the same at each: these come into force. */
  'rolling-settings',
  /** … and a node hears of no change of the topology for a while: started again, it goes by an old copy. */
  'old-topology',
  /** Nodes and routers of the build before, which are started anew as this one; some stay what they are. */
  'rolling-upgrade',
  /** Nodes of another cluster with the same settings try to link. */
  'foreign-node',
  /** A copy of a node's disk is started beside the node. */
  'copied-node',
  /** Replicas have to catch up while clients go on. */
  'busy-end',
  /** After all has healed, one node's disk hangs and nobody helps it: the others have to serve. */
  'hung-alone',
  /** The same with a disk that has failed. */
  'failed-alone',
] as const;

export type Model = (typeof MODELS)[number];

/** How often a seed has each when nothing is said. 0 = only when it is named. */
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
};

/** Kinds of faults that some seeds have when nothing is said. */
export const DEFAULT_FAULT_KINDS: readonly FaultKind[] = [
  ...FAULT_KINDS,
  ...MODEL_FAULT_KINDS.filter((kind) => MODEL_CHANCES[kind] > 0),
];
