/**
 * Programs: everything that changes a shard beyond a plain put or delete, as plain data.
 *
 * A program is evaluated where it is applied, as one log entry: the comparisons are judged on the state before it; then
 * the steps of one of its two lists run in order, each of which sees what those before it did. A patch of one key is a
 * program of one step; a batch is one whose steps may fail one by one (`onError: 'continue'`); a transaction within a
 * shard is one with comparisons. `program-codec.ts` has its bytes, `machine/evaluation.ts` its meaning.
 */
import type { ErrorCode, ErrorDetails } from './errors.js';
import type { NamespaceLimits } from './namespace.js';
import type { Condition, KeyRecord } from './operation.js';

/** What becomes of a key's deadline. */
export type Expiry =
  /** None: the key stays until it is deleted. */
  | { readonly type: 'none' }
  /** That of the record which is replaced; none if there is none. */
  | { readonly type: 'keep' }
  /** Milliseconds after the entry, by replicated time. */
  | { readonly type: 'after'; readonly ms: number };

/** A comparison with the state before the program. */
export type Comparison = { readonly key: Uint8Array } & (
  | { readonly type: 'absent' }
  | { readonly type: 'exists' }
  | { readonly type: 'revision'; readonly revision: number }
  | { readonly type: 'version'; readonly version: number }
  /** `json`: equal as JSON, if the record's content type is JSON; otherwise byte for byte, whatever the type. */
  | { readonly type: 'value'; readonly json: boolean; readonly value: Uint8Array }
  /** Nothing happened to the key after that revision of its shard, deletions included. */
  | { readonly type: 'unchanged-since'; readonly revision: number }
);

/** What a step answers besides the key's new revision. */
export type Returning = 'nothing' | 'value' | 'previous';

interface StepBase {
  /** Canonical key encoding. */
  readonly key: Uint8Array;
  /** The step fails with `precondition-failed` where it does not hold. */
  readonly condition: Condition;
  readonly returning: Returning;
}

export type Step =
  | (StepBase & { readonly type: 'get' })
  | (StepBase & {
      readonly type: 'put';
      readonly body: Uint8Array;
      /** ASCII, ≤ 255 bytes; kept with the value. */
      readonly contentType: string;
      readonly expiry: Expiry;
    })
  | (StepBase & { readonly type: 'delete' })
  | (StepBase & {
      readonly type: 'increment';
      readonly by: bigint;
      /** The number from which an absent key starts. */
      readonly initial: bigint;
      readonly min: bigint | undefined;
      readonly max: bigint | undefined;
      /** At a bound: true goes to the bound, false changes nothing. */
      readonly clamp: boolean;
      /** Deadline of a key that this step creates, in ms from the entry. */
      readonly ttlMs: number | undefined;
    })
  | (StepBase & {
      readonly type: 'append';
      readonly body: Uint8Array;
      /** Of a key that this step creates; default: bytes. */
      readonly contentType?: string;
    })
  | (StepBase & { readonly type: 'merge-patch'; readonly body: Uint8Array })
  | (StepBase & { readonly type: 'json-patch'; readonly body: Uint8Array })
  /** Sets the deadline, ms from the entry, or removes it (undefined). */
  | (StepBase & { readonly type: 'touch'; readonly ttlMs: number | undefined })
  /** Creates or changes the namespace of this key (`namespaceKey`). Alone in its program, as is the next. */
  | (StepBase & { readonly type: 'namespace-put' } & NamespaceLimits)
  /** Removes a namespace that has no keys. */
  | (StepBase & { readonly type: 'namespace-delete' })
  | DeleteRange;

/**
 * Deletes keys of a range, as many as the bounds allow. It is the only step of its program, which has no comparison: so it
 * goes to its shard by number, and needs to see no changes of others.
 */
export interface DeleteRange extends StepBase {
  readonly type: 'delete-range';
  /** `key`: where the range begins, inclusive. Exclusive; undefined: to the end. */
  readonly to: Uint8Array | undefined;
  /** Keys to delete at most, 1 to `MAX_DELETED_KEYS`. */
  readonly most: number;
  /** Bytes of rows to delete at most; one row is always deleted. */
  readonly mostBytes: number;
}

export type StepType = Step['type'];

export interface Program {
  readonly comparisons: readonly Comparison[];
  /** Run if all comparisons hold. */
  readonly then: readonly Step[];
  /** Run otherwise. */
  readonly otherwise: readonly Step[];
  /** `fail`: a step that fails undoes all; `continue`: it has done nothing, and those after it run. */
  readonly onError: 'fail' | 'continue';
  /** Bytes that a value may have after a step, at most `MAX_VALUE_BYTES`. */
  readonly valueLimit: number;
}

/** What one step did. */
export type StepResult =
  | { readonly type: 'get'; readonly record: KeyRecord | undefined }
  | {
      readonly type: 'write';
      /** The key's revision after the step: that of the program, unless the step changed nothing. */
      readonly revision: number;
      /** 0 for a namespace, which has none. */
      readonly version: number;
      readonly created: boolean;
      /** When the key expires now; absent: never. */
      readonly expiresAtMs?: number;
      /** Of an increment: the number now, and what was added. */
      readonly number?: bigint;
      readonly applied?: bigint;
      /** With `returning`: the record after or before the step; absent where there was none. */
      readonly record?: KeyRecord;
    }
  | { readonly type: 'delete'; readonly deleted: boolean; readonly record?: KeyRecord }
  | {
      readonly type: 'delete-range';
      readonly deleted: number;
      /** The first key of the range that is left; undefined: none is. */
      readonly rest: Uint8Array | undefined;
    }
  | {
      readonly type: 'failed';
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: ErrorDetails;
    };

/** What a program did, unless it was refused as a whole. */
export interface ProgramOutcome {
  /** All comparisons held: `then` ran, not `otherwise`. */
  readonly succeeded: boolean;
  readonly results: readonly StepResult[];
  /** Revision of the shard's last deletion, by expiry too; as of the program. */
  readonly lastDeletion: number;
  /** The results were too long to be kept for a replay; `results` is empty. */
  readonly omitted: boolean;
}
