/** The operations and comparisons in bodies of batches and transactions, as steps of a program. */
import {
  inNamespace,
  isJsonType,
  KvorumError,
  parseKeyText,
  storedContentType,
  strictJsonError,
  type Comparison,
  type Condition,
  type Expiry,
  type KeyType,
  type Step,
} from '../../shard/index.js';
import { invalid, type Limits, parseMediaType } from '../http/index.js';
import type { NamedKey } from './key.js';
import { incrementStep, patchStep, touchStep, type StepBody } from './patch-steps.js';
import type { JsonText } from './read-json.js';
import { PATCH_TYPES, type ComparisonBody, type OperationBody } from './schemas.js';
import { expiryOf, returningOf } from './single.js';

/** An operation with the key as the client wrote it. */
export interface NamedStep {
  readonly named: NamedKey;
  readonly step: Step;
}

/** The operation at a place of a list in the body, such as `ops[3]`: its name is only made where something is wrong. */
export interface BodyPlace {
  readonly list: string;
  readonly index: number;
}
const nameOf = ({ list, index }: BodyPlace): string => `${list}[${index}]`;

/** @param within key of the namespace @throws KvorumError which names the field */
export function stepOf(
  body: OperationBody,
  place: BodyPlace,
  limits: Limits,
  within: Uint8Array | undefined,
): NamedStep {
  const named = namedIn(body, place, within);
  const { key } = named;
  if (body.op === 'get') {
    return { named, step: { type: 'get', key, condition: UNCONDITIONAL, returning: 'nothing' } };
  }
  const condition = conditionOf(body.if);
  const returning = returningOf(body.return);
  if (body.op === 'delete') return { named, step: { type: 'delete', key, condition, returning } };
  if (body.op === 'put') return { named, step: putStep(body, { key, condition, returning }, place, limits) };
  const step: StepBody = changeOf(body, nameOf(place), limits);
  // Two spreads in one literal would take longer than all the rest.
  return { named, step: Object.assign(step, { key, condition, returning }) };
}

type Change = Exclude<OperationBody, { op: 'get' | 'delete' | 'put' }>;

function changeOf(body: Change, at: string, limits: Limits): StepBody {
  switch (body.op) {
    case 'increment':
      return incrementStep(body, at);
    case 'append':
      return { type: 'append', body: appendedBytes(body, at, limits) };
    case 'patch': {
      const { content_type: type = PATCH_TYPES.merge, patch } = body;
      return patchStep(type, patch.bytes, `${at}.patch`, jsonBounds(limits));
    }
    case 'touch':
      return touchStep(body, at);
  }
}

const jsonBounds = ({ jsonDepth, jsonMembers }: Limits): { depth: number; members: number } => ({
  depth: jsonDepth,
  members: jsonMembers,
});

type Put = Extract<OperationBody, { op: 'put' }>;
type PutStep = Extract<Step, { type: 'put' }>;
type OfAnyStep = Pick<Step, 'key' | 'condition' | 'returning'>;

const UNCONDITIONAL: Condition = { type: 'none' };
const NO_EXPIRY: Expiry = { type: 'none' };

function putStep(put: Put, { key, condition, returning }: OfAnyStep, place: BodyPlace, limits: Limits): PutStep {
  const { value, ttl, content_type: written } = put;
  const expiry = ttl === undefined ? NO_EXPIRY : (expiryOf(ttl, `${nameOf(place)}.ttl`) ?? NO_EXPIRY);
  if (value === undefined) {
    const { body, contentType } = bytesIn(put, place, limits);
    return { type: 'put', key, condition, returning, expiry, contentType, body };
  }
  const contentType = written === undefined ? 'application/json' : contentTypeOf(written, place);
  if (written !== undefined && !isJsonType(contentType)) {
    const message = 'a value in JSON is application/json; other values are value_base64';
    throw invalid(`${nameOf(place)}.content_type`, message);
  }
  const body = value.bytes;
  if (body.length > limits.valueBytes) throw tooLarge(body, `${nameOf(place)}.value`, limits);
  return { type: 'put', key, condition, returning, expiry, contentType, body };
}

function bytesIn(
  { value_base64: text = '', content_type: written }: Put,
  place: BodyPlace,
  limits: Limits,
): Pick<PutStep, 'body' | 'contentType'> {
  const field = `${nameOf(place)}.value_base64`;
  const contentType = written === undefined ? 'application/octet-stream' : contentTypeOf(written, place);
  const body = bounded(bytesOf(text, field), field, limits);
  const wrong = isJsonType(contentType) ? strictJsonError(body, jsonBounds(limits)) : undefined;
  if (wrong !== undefined) throw invalid(field, `not acceptable JSON: ${wrong}`);
  return { body, contentType };
}

function contentTypeOf(text: string, place: BodyPlace): string {
  const stored = parseMediaType(text) === undefined ? undefined : storedContentType(text);
  if (stored === undefined)
    throw invalid(`${nameOf(place)}.content_type`, 'expected a media type of at most 255 bytes');
  return stored;
}

type Append = Extract<OperationBody, { op: 'append' }>;

/** A JSON string stands for its characters: quotes would not belong into what is appended. */
function appendedBytes({ value, value_base64 }: Append, at: string, limits: Limits): Buffer {
  if (value === undefined) return bounded(bytesOf(value_base64 ?? '', `${at}.value_base64`), at, limits);
  const text = value.string;
  if (text === undefined) throw invalid(`${at}.value`, 'expected a string; other bytes are value_base64');
  return bounded(Buffer.from(text), `${at}.value`, limits);
}

function bytesOf(text: string, at: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  // One text for the same bytes: what Buffer would skip or add is refused.
  if (bytes.toString('base64') !== text) throw invalid(at, 'expected base64 with padding');
  return bytes;
}

function bounded(body: Buffer, field: string, limits: Limits): Buffer {
  if (body.length > limits.valueBytes) throw tooLarge(body, field, limits);
  return body;
}

function tooLarge({ length }: Buffer, field: string, { valueBytes }: Limits): KvorumError {
  const message = `a value of ${length} bytes, ${valueBytes} are allowed`;
  return new KvorumError('value-too-large', message, { field, limit: valueBytes });
}

interface Keyed {
  readonly key: JsonText;
  readonly key_type?: KeyType | undefined;
}

function namedIn(
  { key: written, key_type: type = 'string' }: Keyed,
  place: BodyPlace,
  within: Uint8Array | undefined,
): NamedKey {
  const text = type === 'json' ? written.bytes.toString('utf8') : written.string;
  if (text === undefined)
    throw invalid(`${nameOf(place)}.key`, 'expected a string; any other JSON is a key with key_type json');
  try {
    return { key: inNamespace(within, parseKeyText(text, type)), type, text };
  } catch (error) {
    if (!(error instanceof KvorumError)) throw error;
    throw new KvorumError(error.code, error.message, { ...error.details, field: `${nameOf(place)}.key` });
  }
}

interface ConditionBody {
  readonly absent?: true | undefined;
  readonly exists?: true | undefined;
  readonly revision?: bigint | undefined;
}

function conditionOf(body: ConditionBody | undefined): Condition {
  if (body === undefined) return UNCONDITIONAL;
  if (body.revision !== undefined) return { type: 'revision', revision: Number(body.revision) };
  return { type: body.absent === true ? 'absent' : 'exists' };
}

/** A value in JSON is compared as JSON: 1.0 is 1, and the order of members does not count. */
export function comparisonOf(body: ComparisonBody, place: BodyPlace, within: Uint8Array | undefined): Comparison {
  const { key } = namedIn(body, place, within);
  const { version, value, value_base64, unchanged_since: since } = body;
  if (version !== undefined) return { type: 'version', key, version: Number(version) };
  if (since !== undefined) return { type: 'unchanged-since', key, revision: Number(since) };
  if (value !== undefined) return { type: 'value', key, json: true, value: value.bytes };
  if (value_base64 !== undefined) {
    return { type: 'value', key, json: false, value: bytesOf(value_base64, `${nameOf(place)}.value_base64`) };
  }
  const { absent, exists, revision } = body;
  const condition = conditionOf({ absent, exists, revision });
  return condition.type === 'none' ? { type: 'exists', key } : { ...condition, key };
}
