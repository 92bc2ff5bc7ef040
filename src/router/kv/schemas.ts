/**
 * What the JSON bodies of data requests look like: these schemas check them, all but the plainest (`plain-puts.ts`), and
 * `/openapi.json` is made from them.
 *
 * They describe what `readJson` gives: integers are bigints, and keys, values and patches are text.
 */
import { z } from 'zod';
import { DURATION, MAX_BATCH_OPERATIONS, MAX_REVISION, parseTtl } from '../../shard/index.js';
import { invalid } from '../http/index.js';
import { TTL_EXPECTED } from './parameters.js';
import { JsonText } from './read-json.js';

/** Members that stay text in all bodies. */
export const RAW_MEMBERS: ReadonlySet<string> = new Set(['key', 'value', 'patch']);

const jsonText = (description: string) =>
  z.custom<JsonText>((value) => value instanceof JsonText, 'expected JSON').meta({ description });

const WHOLE = 'expected an integer, without a point or an exponent';
const int64 = z
  .bigint(WHOLE)
  .min(-(2n ** 63n), 'expected an integer of at least −2^63')
  .max(2n ** 63n - 1n, 'expected an integer of at most 2^63−1');
const revision = z
  .bigint(WHOLE)
  .min(0n, 'expected no less than 0')
  .max(BigInt(MAX_REVISION), 'expected less than 2^48');

export const ttlText = z
  .string(TTL_EXPECTED)
  .refine((text) => parseTtl(text) !== undefined, TTL_EXPECTED)
  .meta({ description: '1 ms to 10 years', pattern: DURATION.source, examples: ['30s'] });
/** `keep` keeps the deadline that is there. */
const putTtl = z.union([z.literal('keep'), ttlText], 'expected keep, or a duration such as 250ms, 30s, 15m, 24h or 7d');

export const keyType = z.enum(['string', 'json', 'base64url']).meta({ description: 'how the key is written' });
const keyed = {
  key: jsonText('a string; with key_type json any JSON, with key_type base64url bytes'),
  key_type: keyType.optional(),
};
const base64 = z.string().meta({ description: 'bytes in base64, padded', contentEncoding: 'base64' });

const truth = z.literal(true, 'expected true');
const conditions = { absent: truth.optional(), exists: truth.optional(), revision: revision.optional() };
const hasOne = (names: readonly string[]) => (value: object) => names.filter((name) => name in value).length === 1;
const exactlyOne = (names: readonly string[]): string => `expected exactly one of ${names.join(', ')}`;

const CONDITIONS = Object.keys(conditions);
const condition = z.strictObject(conditions).refine(hasOne(CONDITIONS), exactlyOne(CONDITIONS));
const writes = {
  ...keyed,
  if: condition.optional(),
  return: z.enum(['representation', 'previous']).optional().meta({ description: 'the record to answer with' }),
};
const values = {
  value: jsonText('any JSON, kept with its digits as written').optional(),
  value_base64: base64.optional(),
};
const VALUES = Object.keys(values);

const incrementFields = {
  by: int64,
  initial: int64.optional(),
  min: int64.optional(),
  max: int64.optional(),
  clamp: z.boolean().optional(),
  ttl: ttlText.optional(),
};
interface Bounds {
  readonly min?: bigint | undefined;
  readonly max?: bigint | undefined;
}
const isRange = ({ min, max }: Bounds): boolean => min === undefined || max === undefined || min <= max;
const RANGE = { path: ['min'], error: 'min is more than max' };

export const incrementBody = z.strictObject(incrementFields).refine(isRange, RANGE);
export const touchBody = z.strictObject({ ttl: ttlText.nullable() });

export const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  increment: 'application/vnd.kvorum.increment+json',
  append: 'application/vnd.kvorum.append',
  touch: 'application/vnd.kvorum.touch+json',
} as const;
export type PatchType = (typeof PATCH_TYPES)[keyof typeof PATCH_TYPES];
const JSON_PATCH_TYPES = [PATCH_TYPES.merge, PATCH_TYPES.json, PATCH_TYPES.increment, PATCH_TYPES.touch] as const;

const OPS = ['get', 'put', 'delete', 'increment', 'append', 'patch', 'touch'] as const;

export const operation = z.discriminatedUnion(
  'op',
  [
    z.strictObject({ op: z.literal('get'), ...keyed }),
    z
      .strictObject({
        ...{ op: z.literal('put'), ...writes, ...values },
        content_type: z.string().optional(),
        ttl: putTtl.optional(),
      })
      .refine(hasOne(VALUES), { path: ['value'], error: exactlyOne(VALUES) }),
    z.strictObject({ op: z.literal('delete'), ...writes }),
    z.strictObject({ op: z.literal('increment'), ...writes, ...incrementFields }).refine(isRange, RANGE),
    z
      .strictObject({ op: z.literal('append'), ...writes, ...values })
      .refine(hasOne(VALUES), { path: ['value'], error: exactlyOne(VALUES) }),
    z.strictObject({
      ...{ op: z.literal('patch'), ...writes },
      content_type: z.enum(JSON_PATCH_TYPES).optional(),
      patch: jsonText('the body of a PATCH of this content type; merge patch by default'),
    }),
    z.strictObject({ op: z.literal('touch'), ...writes, ttl: ttlText.nullable() }),
  ],
  `expected one of ${OPS.join(', ')}`,
);
export type OperationBody = z.output<typeof operation>;

export const batchBody = z.strictObject({
  ops: z
    .array(operation, 'expected a list of operations')
    .min(1, 'expected at least one operation')
    .max(MAX_BATCH_OPERATIONS, `expected at most ${MAX_BATCH_OPERATIONS} operations`),
});
export type BatchBody = z.output<typeof batchBody>;

const comparisons = {
  ...conditions,
  version: revision.optional(),
  ...values,
  unchanged_since: revision.optional(),
};
const COMPARISONS = Object.keys(comparisons);
export const comparison = z
  .strictObject({ ...keyed, ...comparisons })
  .refine(hasOne(COMPARISONS), exactlyOne(COMPARISONS));
export type ComparisonBody = z.output<typeof comparison>;

export const transactionBody = z.strictObject({
  if: z.array(comparison).optional(),
  then: z.array(operation).optional(),
  else: z.array(operation).optional(),
  on_error: z.enum(['fail', 'continue']).optional(),
});
export type TransactionBody = z.output<typeof transactionBody>;

const most = z.bigint(WHOLE).min(0n, 'expected no less than 0').max(BigInt(MAX_REVISION), 'expected less than 2^48');
export const namespaceBody = z.strictObject({ max_keys: most.optional(), max_bytes: most.optional() });

/** Longer names of fields, which a client may have invented, are cut. */
const MAX_NAME = 64;

/** @param at name of what is checked; empty for the body as a whole @throws KvorumError `invalid-request` */
export function checked<S extends z.ZodType>(schema: S, value: unknown, at: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = [...(issue?.path ?? [])];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  if (unknown !== undefined) path.push(unknown);
  const named = path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`;
    return `${name}${name === '' ? '' : '.'}${String(part).slice(0, MAX_NAME)}`;
  }, at);
  // A member may have the empty name.
  const field = named === '' ? 'body' : named;
  if (unknown !== undefined) throw invalid(field, 'unknown field');
  const message = issue?.message ?? '';
  throw invalid(field, isMissing(value, path) ? asRequired(message) : message);
}

/** Whether a field is at fault because it is not there. No JSON is undefined. */
const isMissing = (value: unknown, path: readonly PropertyKey[]): boolean =>
  path.reduce<unknown>((at, part) => (at as Readonly<Record<PropertyKey, unknown>> | undefined)?.[part], value) ===
  undefined;

/** Our own messages say what is expected; those of zod would speak of types that no client knows. */
const asRequired = (message: string): string => (message.startsWith('expected') ? `required: ${message}` : 'required');
