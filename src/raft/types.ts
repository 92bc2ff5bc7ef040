/**
 * The nouns of consensus: node ids, terms, indexes, entries, configurations.
 *
 * Names follow Ongaro & Ousterhout, "In Search of an Understandable Consensus Algorithm" (2014), figure 2. Terms and
 * indexes are integers that start at 1; 0 stands for "before the first".
 */
import { RAFT_FORMATS } from './formats.js';

/** A node's number: a positive integer ≤ 65,535. `NONE` (0) stands for no node. */
export type NodeId = number;
export const NONE: NodeId = 0;

/** Number of a Raft group on a node. Raft itself never looks at it; storage and transport carry it. */
export type GroupId = number;

/** State that must survive a crash besides the log. `commit` is a hint that saves work at restart; it may be behind. */
export interface HardState {
  readonly term: number;
  /** The vote of `term`; `NONE`: not cast. */
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

/** One log entry. `data` is opaque and must not be changed once it is in an entry. */
export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly kind: EntryKind;
  readonly data: Uint8Array;
}

/**
 * Members of a group. `votersOutgoing` is empty outside joint consensus (§6); `learners` receive the log and never vote.
 * Snapshots carry all three; nothing changes them at run time yet.
 */
export interface Configuration {
  readonly voters: readonly NodeId[];
  readonly votersOutgoing: readonly NodeId[];
  readonly learners: readonly NodeId[];
}

/** The change that an `EntryKind.configuration` entry would carry. Reserved: nothing proposes one yet. */
export type ConfigurationChange =
  { readonly type: 'enter-joint'; readonly target: Configuration } | { readonly type: 'leave-joint' };

/** A snapshot's position: it replaces the log up to and including `index`, whose entry had `term`. */
export interface SnapshotMeta {
  readonly index: number;
  readonly term: number;
  readonly configuration: Configuration;
}
