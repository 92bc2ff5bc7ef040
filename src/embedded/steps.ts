/** Operations of a keyspace as steps of programs: arguments checked, values encoded. Keys are encoded already. */
import { types } from 'node:util';
import {
  BYTES_CONTENT_TYPE,
  KvorumError,
  MAX_VALUE_BYTES,
  TEXT_CONTENT_TYPE,
  encodeValue,
  exactJson,
  type EncodedValue,
  type Program,
  type Step,
} from '../shard/index.js';
import {
  CONDITIONS,
  ONCE_OPTIONS,
  checkNames,
  conditionOf,
  expiryOf,
  flag,
  integerOf,
  optionalInteger,
  returningOf,
  ttlOf,
} from './arguments.js';
import type { BatchOperation, Conditions, IncrementOptions, PutOptions, StepOptions, Ttl } from './entries.js';

const base = (key: Uint8Array, options: StepOptions = {}) => ({
  key,
  condition: conditionOf(options),
  returning: returningOf(options.returning),
});

const STEP_OPTIONS = [...CONDITIONS, 'returning'];
export const WRITE_OPTIONS = [...STEP_OPTIONS, ...ONCE_OPTIONS];
export const PUT_OPTIONS = ['ttl', ...WRITE_OPTIONS];

/** @throws KvorumError `value-too-large` */
export function checkedValue(value: unknown): EncodedValue {
  const encoded = encodeValue(value);
  checkLength(encoded.body);
  return encoded;
}

function checkLength(body: Uint8Array): void {
  if (body.length <= MAX_VALUE_BYTES) return;
  const message = `a value of ${body.length} bytes, ${MAX_VALUE_BYTES} are allowed`;
  throw new KvorumError('value-too-large', message, { field: 'body', limit: MAX_VALUE_BYTES });
}

export const getStep = (key: Uint8Array): Step => ({ type: 'get', ...base(key) });

export function putStep(key: Uint8Array, value: unknown, options: Omit<PutOptions, 'idempotencyKey'>): Step {
  return { type: 'put', ...base(key, options), ...checkedValue(value), expiry: expiryOf(options.ttl) };
}

/** @throws TypeError for a record that a deletion does not have */
export function deleteStep(
  key: Uint8Array,
  options: Conditions & { readonly returning?: 'previous' | undefined } = {},
): Step {
  const { returning } = options;
  const wish = returningOf(returning);
  if (wish === 'value') throw new TypeError('of a deletion, returning must be previous: there is nothing new');
  return { type: 'delete', key, condition: conditionOf(options), returning: wish };
}

export const COUNTER_OPTIONS = ['initial', 'min', 'max', 'clamp', 'ttl'];

export function incrementStep(
  key: Uint8Array,
  by: bigint | number,
  options: Omit<IncrementOptions, 'idempotencyKey'>,
): Step {
  const { initial = 0n, min, max, clamp, ttl } = options;
  return {
    type: 'increment',
    ...base(key, options),
    by: integerOf('by', by),
    initial: integerOf('initial', initial),
    min: optionalInteger('min', min),
    max: optionalInteger('max', max),
    clamp: flag('clamp', clamp),
    ttlMs: ttl === undefined ? undefined : ttlOf(ttl),
  };
}

export function appendStep(key: Uint8Array, value: unknown, options?: StepOptions): Step {
  if (typeof value !== 'string' && !types.isUint8Array(value)) {
    throw new TypeError(`only text or bytes (Uint8Array) can be appended, got ${typeof value}`);
  }
  const isText = typeof value === 'string';
  const body = isText ? Buffer.from(value, 'utf8') : new Uint8Array(value);
  checkLength(body);
  return { type: 'append', ...base(key, options), body, contentType: isText ? TEXT_CONTENT_TYPE : BYTES_CONTENT_TYPE };
}

export function patchStep(key: Uint8Array, patch: unknown, options?: StepOptions): Step {
  const operations = jsonPatchIn(patch);
  const json = exactJson(operations ?? patch, MAX_VALUE_BYTES);
  if (json === undefined) {
    throw new TypeError('a patch must be plain JSON: null, booleans, finite numbers, text, arrays and plain objects');
  }
  const body = Buffer.from(json, 'utf8');
  checkLength(body);
  return { type: operations === undefined ? 'merge-patch' : 'json-patch', ...base(key, options), body };
}

function jsonPatchIn(patch: unknown): unknown[] | undefined {
  if (typeof patch !== 'object' || patch === null || !Object.hasOwn(patch, 'jsonPatch')) return undefined;
  if (Object.keys(patch).length !== 1) return undefined;
  const { jsonPatch } = patch as { readonly jsonPatch: unknown };
  if (Array.isArray(jsonPatch)) return jsonPatch as unknown[];
  throw new TypeError('jsonPatch must be an array of operations; a merge patch cannot have this member alone');
}

export const touchStep = (key: Uint8Array, ttl: Ttl | null, options?: StepOptions): Step => ({
  type: 'touch',
  ...base(key, options),
  ttlMs: ttl === null ? undefined : ttlOf(ttl),
});

/** @param keyOf encodes a key @throws TypeError for what is no operation */
export function stepOf(operation: BatchOperation, keyOf: (key: unknown) => Uint8Array): Step {
  const { op } = operation;
  /** The key, once the names of the options are checked. */
  const known = (...names: string[]): Uint8Array => {
    checkNames(operation, ['op', 'key', ...names]);
    return keyOf(operation.key);
  };
  switch (op) {
    case 'get':
      return getStep(known());
    case 'put':
      return putStep(known('value', 'ttl', ...STEP_OPTIONS), operation.value, operation);
    case 'delete':
      return deleteStep(known(...STEP_OPTIONS), operation);
    case 'increment':
      return incrementStep(known('by', ...COUNTER_OPTIONS, ...STEP_OPTIONS), operation.by ?? 1n, operation);
    case 'append':
      return appendStep(known('value', ...STEP_OPTIONS), operation.value, operation);
    case 'patch':
      return patchStep(known('patch', ...STEP_OPTIONS), operation.patch, operation);
    case 'touch':
      return touchStep(known('ttl', ...STEP_OPTIONS), operation.ttl, operation);
    default:
      throw new TypeError(`there is no operation ${String(op satisfies never)}`);
  }
}

export const INCREMENT_OPTIONS = [...COUNTER_OPTIONS, ...WRITE_OPTIONS];

/** A program of these steps; `parts` overrides its other fields. */
export const programOf = (then: readonly Step[], parts: Partial<Program> = {}): Program => ({
  comparisons: [],
  then,
  otherwise: [],
  onError: 'fail',
  valueLimit: MAX_VALUE_BYTES,
  ...parts,
});
