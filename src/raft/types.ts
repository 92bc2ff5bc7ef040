/**
 * The nouns of consensus: node ids, terms, indexes, entries, configurations.
 *
 * Knows no message, no role, no storage; every other file of `src/raft` but `formats.ts` starts from here.
 * Names follow Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), figure 2.
 */
import { RAFT_FORMATS } from './formats.js';

/** A node's number: a positive integer ≤ 65,535. `NONE` (0) stands for "nobody". */
export type NodeId = number;
export const NONE: NodeId = 0;

/** Number of a Raft group on a node. Raft itself never looks at it; storage and transport carry it. */
export type GroupId = number;

/** What must survive a crash besides the log. `commit` is a hint that saves work at restart, never a promise. */
export interface HardState {
  readonly term: number;
  readonly vote: NodeId;
  readonly commit: number;
}

/**
 * - `noop`: appended by a new leader so that it can commit what earlier terms left (§8).
 * - `command`: opaque bytes for the state machine.
 * - `configuration`: a membership change (§6); reserved, see `ConfigurationChange`.
 */
export const EntryKind = RAFT_FORMATS.entryKind.numbers;
export type EntryKind = (typeof EntryKind)[keyof typeof EntryKind];

/** One log entry. `data` is opaque; nobody may write into it once it is in an entry. */
export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/**
 * Who votes. `votersOutgoing` is empty outside joint consensus (§6); `learners` receive the log and never vote.
 * Both are shaped here and travel in snapshots; changing them at run time comes with membership changes.
 */
export interface Configuration {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

/** The change that an `EntryKind.configuration` entry carries; shaped now, refused by the core until membership changes are in. */
export type ConfigurationChange =
  { readonly type: 'enter-joint'; readonly target: Configuration } | { readonly type: 'leave-joint' };

/** What a snapshot stands for: everything up to and including `index`, which had `term`. */
export interface SnapshotMeta {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
}
