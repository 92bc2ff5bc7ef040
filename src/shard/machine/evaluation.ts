/**
 * Evaluates one program on the records of a shard, in two steps: `run` decides what happens and keeps it aside, `commit`
 * writes it. So a program that fails has changed nothing.
 *
 * Every step sees the changes of those before it. A key that is due is absent: it is removed when it is met, which needs
 * no commit, because it would be removed in any case.
 */
import type { StateKey } from '../../raft/index.js';
import { BYTES_CONTENT_TYPE, MAX_ANSWER_BYTES, answerTooLarge, isJsonType, isStructuredType } from '../bounds.js';
import { ERRORS, refuse, type ErrorCode, type ErrorDetails } from '../errors.js';
import type { Condition, KeyRecord, Refusal } from '../operation.js';
import type { Comparison, DeleteRange, Expiry, Program, Step, StepResult } from '../program.js';
import { recordAt } from '../transaction.js';
import type { Deletions } from './deletions.js';
import {
  applyAppend,
  applyIncrement,
  applyJsonPatch,
  applyMergePatch,
  jsonEquals,
  type PatchFault,
} from './patch/index.js';
import { MetKeys } from './met-keys.js';
import { decodeRecord, encodeContent, expiryOf } from './record-row.js';
import { Quotas, type QuotaRefusal } from './quotas.js';
import { rowsToDelete } from './range-deletion.js';
import type { Records } from './records.js';
import { rowKeyOf } from './row-keys.js';

/**
 * Bytes of JSON values and patches that one program may work on, beyond its first patch: each takes some 20 ms a MiB, in
 * which every replica of the shard does nothing else.
 */
export const MAX_PATCHED_BYTES = 2 * 1024 * 1024;
/** Of JSON values that a patch is applied to. Part of what an entry means, so not configurable. */
const JSON_BOUNDS = { depth: 256, members: 1_000_000 };

export interface EvaluationContext {
  readonly records: Records;
  readonly deletions: Deletions;
  /** Replicated time, ms. */
  readonly clockMs: number;
  /** Index of the entry. */
  readonly index: number;
  /** Revision of what the program writes: mostly the index of its entry. */
  readonly revision: number;
  /** Whether the key is held by a transaction that reads it: then it does not expire here. */
  readonly isHeld: (rowKey: StateKey) => boolean;
  /** Bytes of the values that are answered; undefined: `MAX_ANSWER_BYTES`, or a single longer value. */
  readonly answerLimit?: number | undefined;
}

/** A key that the program has met. */
interface Met {
  /** Encoded. Undefined if it was met in a range. */
  readonly key: Uint8Array | undefined;
  readonly rowKey: StateKey;
  /** Its row before the program; undefined: none. */
  readonly old: Uint8Array | undefined;
  /** Now; undefined: it is absent. */
  now: KeyRecord | undefined;
  isChanged: boolean;
}

type StepFailure = Extract<StepResult, { type: 'failed' }>;
type NamespaceStep = Extract<Step, { type: 'namespace-put' | 'namespace-delete' }>;

export class Evaluation {
  readonly #context: EvaluationContext;
  readonly #met = new MetKeys<Met>();
  readonly #valueLimit: number;
  readonly #quotas: Quotas;
  /** A step on a namespace, which changes it at `commit`. */
  #namespaceStep: NamespaceStep | undefined;
  #answerBytes = 0;
  #patchedBytes = 0;

  constructor(context: EvaluationContext, valueLimit: number) {
    this.#context = context;
    this.#quotas = new Quotas(context.records.namespaces);
    this.#valueLimit = valueLimit;
  }

  /** @returns a refusal if a step failed and `onError` is `fail`; `commit` must not be called then */
  run(program: Program): { readonly succeeded: boolean; readonly results: readonly StepResult[] } | Refusal {
    for (const { key } of program.comparisons) {
      const missing = this.#quotas.refusalOf(key);
      if (missing !== undefined) return asRefusal(asFailure(missing), undefined);
    }
    const succeeded = this.holdAll(program.comparisons);
    const results: StepResult[] = [];
    const steps = succeeded ? program.then : program.otherwise;
    for (const [position, step] of steps.entries()) {
      const result = this.step(step);
      if (result.type === 'failed' && program.onError === 'fail') {
        return asRefusal(result, steps.length > 1 ? position : undefined);
      }
      results.push(result);
    }
    return { succeeded, results };
  }

  holdAll(comparisons: readonly Comparison[]): boolean {
    return comparisons.every((comparison) => this.#holds(comparison));
  }

  /**
   * Writes the changes of all steps, one row per key.
   * @param revision in place of `PENDING_REVISION`, if the program was evaluated before its own was known
   */
  commit(revision = this.#context.revision): void {
    const { records } = this.#context;
    for (const { key, rowKey, old, now, isChanged } of this.#met.all) {
      if (!isChanged) continue;
      if (now !== undefined) records.write(rowKey, old, encodeContent(key ?? keyOf(rowKey), recordAt(now, revision)));
      else if (old !== undefined) records.remove(rowKey, old, revision);
    }
    const step = this.#namespaceStep;
    if (step?.type === 'namespace-put') records.namespaces.put(step.key, step, revision);
    else if (step !== undefined) records.namespaces.remove(step.key);
  }

  #meet(key: Uint8Array): Met {
    const rowKey = rowKeyOf(key);
    const known = this.#met.find(rowKey);
    if (known !== undefined) return known;
    const { records, clockMs, index, isHeld } = this.#context;
    let old = records.get(rowKey);
    if (old !== undefined && isDue(old, clockMs) && !isHeld(rowKey)) {
      records.remove(rowKey, old, index);
      old = undefined;
    }
    const met = { key, rowKey, old, now: old && decodeRecord(old), isChanged: false };
    this.#met.add(met);
    return met;
  }

  #holds(comparison: Comparison): boolean {
    const { rowKey, now } = this.#meet(comparison.key);
    switch (comparison.type) {
      case 'absent':
        return now === undefined;
      case 'exists':
        return now !== undefined;
      case 'revision':
        return now?.revision === comparison.revision;
      case 'version':
        return (now?.version ?? 0) === comparison.version;
      case 'value':
        if (now === undefined) return false;
        if (!comparison.json) return Buffer.compare(now.body, comparison.value) === 0;
        return isJsonType(now.contentType) && jsonEquals(now.body, comparison.value);
      case 'unchanged-since':
        if (now !== undefined) return now.revision <= comparison.revision;
        return this.#context.deletions.isUnchangedSince(rowKey, comparison.revision);
    }
  }

  step(step: Step): StepResult {
    if (step.type === 'delete-range') return this.#deleteRange(step);
    if (step.type === 'namespace-put' || step.type === 'namespace-delete') return this.#changeNamespace(step);
    const missing = this.#quotas.refusalOf(step.key);
    if (missing !== undefined) return asFailure(missing);
    const met = this.#meet(step.key);
    if (!conditionHolds(step.condition, met.now)) {
      return failed('precondition-failed', { currentRevision: met.now?.revision ?? 0 });
    }
    const before = met.now;
    const result = this.#change(step, met);
    if (result.type === 'failed' || result.type === 'delete-range') return result;
    const exceeded = this.#quotas.count(step.key, before, met.now);
    if (exceeded !== undefined) {
      met.now = before;
      return asFailure(exceeded);
    }
    const record = this.#returned(step, before, met.now);
    if (record === undefined) return result;
    if (this.#answers(record)) return { ...result, record };
    this.#quotas.undo(step.key, before, met.now);
    met.now = before;
    return answerTooLarge(this.#context.answerLimit);
  }

  /** Whether there is room for the value in the answer, which it then has. */
  #answers({ body }: KeyRecord): boolean {
    const { answerLimit } = this.#context;
    const bytes = this.#answerBytes + body.length;
    const mayBeLonger = answerLimit === undefined && this.#answerBytes === 0;
    if (!mayBeLonger && bytes > (answerLimit ?? MAX_ANSWER_BYTES)) return false;
    this.#answerBytes = bytes;
    return true;
  }

  /** Undefined: none is answered, or there is none. */
  #returned(step: Step, before: KeyRecord | undefined, after: KeyRecord | undefined): KeyRecord | undefined {
    if (step.type === 'get' || step.returning === 'value') return after;
    return step.returning === 'previous' ? before : undefined;
  }

  #change(step: Exclude<Step, DeleteRange | NamespaceStep>, met: Met): StepResult {
    switch (step.type) {
      case 'get':
        return { type: 'get', record: undefined };
      case 'delete':
        return this.#delete(met);
      case 'put':
        return this.#put(met, step.body, step.contentType, this.#deadline(step.expiry, met.now));
      case 'touch':
        return this.#touch(met, step.ttlMs);
      case 'append': {
        // They must stay readable: JSON was checked to be JSON.
        if (met.now !== undefined && isStructuredType(met.now.contentType)) {
          return failed('wrong-type', { field: 'value' });
        }
        const { contentType: typeIfNew = BYTES_CONTENT_TYPE } = step;
        const changed = applyAppend(met.now?.body, step.body, { valueBytes: this.#valueLimit });
        return 'fault' in changed ? faulted(changed.fault) : this.#replace(met, changed.value, typeIfNew);
      }
      case 'merge-patch':
      case 'json-patch':
        return this.#patch(met, step);
      case 'increment':
        return this.#increment(met, step);
    }
  }

  #deleteRange(step: DeleteRange): StepResult {
    const missing = this.#quotas.refusalOf(step.key);
    if (missing !== undefined) return asFailure(missing);
    const { records, clockMs } = this.#context;
    const { rows, rest } = rowsToDelete(records, step);
    let deleted = 0;
    for (const [rowKey, old] of rows) {
      // What is due is absent already.
      if (!isDue(old, clockMs)) deleted += 1;
      this.#met.add({ key: undefined, rowKey, old, now: undefined, isChanged: true });
    }
    return { type: 'delete-range', deleted, rest: rest === undefined ? undefined : keyOf(rest) };
  }

  #changeNamespace(step: NamespaceStep): StepResult {
    const { records, revision } = this.#context;
    const namespace = records.namespaces.of(step.key);
    if (step.type === 'namespace-put') {
      this.#namespaceStep = step;
      return { type: 'write', revision, version: 0, created: namespace === undefined };
    }
    if (namespace === undefined) return failed('namespace-not-found', { field: 'namespace' });
    if (namespace.keys > 0) return failed('namespace-not-empty', { field: 'namespace' });
    this.#namespaceStep = step;
    return { type: 'delete', deleted: true };
  }

  #delete(met: Met): StepResult {
    const deleted = met.now !== undefined;
    met.now = undefined;
    met.isChanged ||= deleted;
    return { type: 'delete', deleted };
  }

  #touch(met: Met, ttlMs: number | undefined): StepResult {
    if (met.now === undefined) return failed('precondition-failed', { currentRevision: 0 });
    const { body, contentType } = met.now;
    return this.#put(met, body, contentType, ttlMs === undefined ? undefined : this.#context.clockMs + ttlMs);
  }

  #patch(met: Met, step: Extract<Step, { type: 'merge-patch' | 'json-patch' }>): StepResult {
    if (met.now !== undefined && !isJsonType(met.now.contentType)) return failed('wrong-type', { field: 'value' });
    const bytes = (met.now?.body.length ?? 0) + step.body.length;
    if (this.#patchedBytes > 0 && this.#patchedBytes + bytes > MAX_PATCHED_BYTES) {
      return failed('value-too-large', { field: 'ops', limit: MAX_PATCHED_BYTES }, 'patches of too many bytes at once');
    }
    this.#patchedBytes += bytes;
    const apply = step.type === 'merge-patch' ? applyMergePatch : applyJsonPatch;
    const changed = apply(met.now?.body, step.body, { valueBytes: this.#valueLimit, ...JSON_BOUNDS });
    return 'fault' in changed ? faulted(changed.fault) : this.#replace(met, changed.value, JSON_TYPE);
  }

  #increment(met: Met, step: Extract<Step, { type: 'increment' }>): StepResult {
    const changed = applyIncrement(met.now?.body, step);
    if ('fault' in changed) return faulted(changed.fault);
    const { value, number, applied, changed: isChanged } = changed;
    if (!isChanged) {
      const { revision = 0, version = 0 } = met.now ?? {};
      return { type: 'write', revision, version, created: false, ...deadlineOf(met.now), number, applied };
    }
    const isNew = met.now === undefined;
    const deadline = isNew && step.ttlMs !== undefined ? this.#context.clockMs + step.ttlMs : met.now?.expiresAtMs;
    return { ...this.#put(met, value, met.now?.contentType ?? JSON_TYPE, deadline), number, applied };
  }

  /** Type and deadline of an existing record stay. */
  #replace(met: Met, body: Uint8Array, typeIfNew: string): StepResult {
    return this.#put(met, body, met.now?.contentType ?? typeIfNew, met.now?.expiresAtMs);
  }

  #put(met: Met, body: Uint8Array, contentType: string, expiresAtMs: number | undefined): WriteResult {
    const { revision } = this.#context;
    const created = met.now === undefined;
    const createRevision = met.now?.createRevision ?? revision;
    const version = (met.now?.version ?? 0) + 1;
    met.now = { revision, createRevision, version, contentType, body, expiresAtMs };
    met.isChanged = true;
    if (expiresAtMs === undefined) return { type: 'write', revision, version, created };
    return { type: 'write', revision, version, created, expiresAtMs };
  }

  #deadline(expiry: Expiry, now: KeyRecord | undefined): number | undefined {
    switch (expiry.type) {
      case 'none':
        return undefined;
      case 'keep':
        return now?.expiresAtMs;
      case 'after':
        return this.#context.clockMs + expiry.ms;
    }
  }
}

const deadlineOf = (record: KeyRecord | undefined): { readonly expiresAtMs?: number } =>
  record?.expiresAtMs === undefined ? {} : { expiresAtMs: record.expiresAtMs };

type WriteResult = Extract<StepResult, { type: 'write' }>;

/** Of objects that a patch creates, and of numbers: so a comparison as JSON finds both. */
const JSON_TYPE = 'application/json';

export const isDue = (row: Uint8Array, clockMs: number): boolean => {
  const expiry = expiryOf(row);
  return expiry !== 0 && expiry <= clockMs;
};

function conditionHolds(condition: Condition, now: KeyRecord | undefined): boolean {
  switch (condition.type) {
    case 'none':
      return true;
    case 'absent':
      return now === undefined;
    case 'exists':
      return now !== undefined;
    case 'revision':
      return now?.revision === condition.revision;
  }
}

/** The canonical key of a record's row key. */
const keyOf = (rowKey: StateKey): Uint8Array => Buffer.from(rowKey.slice(1), 'latin1');

const failed = (code: ErrorCode, details: ErrorDetails, message: string = ERRORS[code].meaning): StepFailure => ({
  type: 'failed',
  code,
  message,
  details,
});

const asFailure = ({ code, details }: QuotaRefusal): StepFailure => failed(code, details);

function faulted({ code, message, position, field, limit }: PatchFault): StepFailure {
  const details = {
    ...(position === undefined ? {} : { position }),
    ...(field === undefined ? {} : { field }),
    ...(limit === undefined ? {} : { limit }),
  };
  return failed(code, details, message);
}

/** One step fails the program. `at`: its place, if there are several. */
export function asRefusal({ code, message, details }: StepFailure, at: number | undefined): Refusal {
  const of = at === undefined ? details : { ...details, field: `ops[${at}]` };
  return refuse(code, message, of, 'not_applied');
}
