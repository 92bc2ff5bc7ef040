/**
 * Requests of a store to its worker, and their replies. Plain data, because it crosses threads.
 *
 * Requests of one store are executed in order. Every request gets exactly one reply, except `rows`, which gets none.
 * Replies with call number 0 belong to no request: a failure is that of the store itself; a success carries a
 * `Notification`.
 */
import type { FailureData } from '../failure.js';
import type { CopyPart, HardStateAt } from '../journal/journal-index.js';
import type { Activation, JournalMetadata, RawRow, StoredGroup } from '../journal/recovery.js';
import type { StallReport } from './stall.js';
import type { FileSizes } from '../storage.js';
import type { GroupId, SnapshotMeta } from '../../types.js';

/** One group's part of a checkpoint. `slot`: the slot of the group's state as the caller knows it. */
export interface CheckpointPart {
  readonly group: GroupId;
  readonly slot: number;
  readonly meta: SnapshotMeta;
}

export interface StoredHardState extends HardStateAt {
  /** Becomes the group's slot if the state file does not know the group yet. */
  readonly slot: number;
}

export type Request =
  | { readonly type: 'open'; readonly directory: string; readonly maxJournalBytes: number | undefined }
  | { readonly type: 'load'; readonly after: number; readonly maxBytes: number }
  /** Ends recovery: deletes a torn row, activates the snapshots whose installation the journal records. */
  | { readonly type: 'begin'; readonly torn: number | undefined; readonly activations: readonly Activation[] }
  | {
      readonly type: 'commit';
      readonly seq: number;
      readonly data: Uint8Array;
      readonly activation: Activation | undefined;
    }
  | { readonly type: 'copy'; readonly seq: number; readonly parts: readonly CopyPart[] }
  | { readonly type: 'meta'; readonly name: string; readonly value: Uint8Array }
  /** Rows for the checkpoint of this number; the `checkpoint` request follows after the last. */
  | { readonly type: 'rows'; readonly checkpoint: number; readonly slot: number; readonly data: Uint8Array }
  | {
      readonly type: 'checkpoint';
      readonly checkpoint: number;
      readonly groups: readonly CheckpointPart[];
      readonly hardStates: readonly StoredHardState[];
      /** The last journal row that was numbered before this request. */
      readonly journal: number;
    }
  /** Drops rows up to `to`, which checkpoints have made obsolete; `checkpoints`: their count so far. */
  | { readonly type: 'truncate'; readonly to: number; readonly checkpoints: number }
  | { readonly type: 'stage'; readonly slot: number; readonly data: Uint8Array }
  | { readonly type: 'purge'; readonly slot: number }
  | { readonly type: 'snapshot-open'; readonly group: GroupId }
  | { readonly type: 'snapshot-next'; readonly id: number; readonly maxBytes: number }
  | { readonly type: 'snapshot-close'; readonly id: number }
  | { readonly type: 'close' };

export interface Opened {
  readonly groups: readonly StoredGroup[];
  readonly metas: readonly (readonly [string, Uint8Array])[];
  readonly journal: JournalMetadata;
  /** Higher than every slot in use. */
  readonly nextSlot: number;
  readonly stateBytes: number;
}

/** The result of each request if it succeeds. */
export interface Results {
  readonly open: Opened;
  readonly load: readonly RawRow[];
  readonly begin: undefined;
  readonly commit: undefined;
  readonly copy: undefined;
  readonly meta: undefined;
  /** `journal`: the last row that was durable when the checkpoint began; only rows up to it were taken over. */
  readonly checkpoint: { readonly stateBytes: number; readonly checkpoints: number; readonly journal: number };
  readonly truncate: undefined;
  readonly stage: undefined;
  readonly purge: undefined;
  readonly 'snapshot-open':
    { readonly id: number; readonly meta: SnapshotMeta; readonly bytes: number | undefined } | undefined;
  readonly 'snapshot-next': { readonly data: Uint8Array; readonly done: boolean };
  readonly 'snapshot-close': undefined;
  readonly close: undefined;
}

/** What waits for space, undefined when nothing does any more; or the files' new sizes. */
export type Notification = StallReport | SizesReport | undefined;

export interface SizesReport {
  readonly fileSizes: FileSizes;
}

export type CallResult =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly failure: FailureData };

export interface RequestEnvelope {
  readonly store: number;
  readonly call: number;
  readonly request: Request;
}

export interface ReplyEnvelope {
  readonly store: number;
  readonly call: number;
  readonly outcome: CallResult;
}
