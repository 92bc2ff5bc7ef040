/**
 * The headers of the API. Each is described once: by what reads it, of which the schema in `/openapi.json` is made. Those
 * of the query are beside the routes (`kv/parameters.ts`).
 *
 * Headers are read without zod, by the very function that their schemas call: many clients send some with each write,
 * and a schema takes up to 1 µs more. A header that is absent costs nothing.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { clientIdIn } from '../../shard/index.js';
import { parseEntityTags } from './entity-tags.js';
import { invalid } from './problems.js';

export interface ParameterOptions<T> {
  /** What a refusal says. */
  readonly expected: string;
  /** The texts that may be accepted; undefined: `read` alone says it. */
  readonly pattern?: RegExp;
  /** The value of a text; undefined: it has none, and is refused. */
  readonly read: (text: string) => T | undefined;
  readonly described: z.core.GlobalMeta;
}

export interface Parameter<T> {
  /** Made of `value`, and says what it says. */
  readonly schema: z.ZodType<T, string>;
  readonly expected: string;
  /** What the text means; undefined: nothing, it is refused. */
  value(text: string): T | undefined;
}

/** A header or query parameter. */
export function parameter<T>({ expected, pattern, read, described }: ParameterOptions<T>): Parameter<T> {
  const value = pattern === undefined ? read : (text: string) => (pattern.test(text) ? read(text) : undefined);
  const schema = z
    .string()
    .transform((text, context): T => {
      const meant = value(text);
      if (meant !== undefined) return meant;
      context.addIssue({ code: 'custom', message: expected });
      return z.NEVER;
    })
    .meta(pattern === undefined ? described : { pattern: pattern.source, ...described });
  return { schema, expected, value };
}

const UNITS = { ms: 1, s: 1_000 } as const;
const timeOf = (text: string): number =>
  text.endsWith('ms') ? Number(text.slice(0, -2)) : Number(text.slice(0, -1)) * UNITS.s;

const tags = (description: string) =>
  parameter({
    expected: 'expected entity tags in double quotes, such as "42", or *',
    read: (text) => (text === '*' ? text : parseEntityTags(text)),
    described: { description, examples: ['"42"'] },
  });

/** What the answer of a write shows, from `Prefer` (RFC 7240). */
export type ReturnWish = 'minimal' | 'representation' | 'previous';

const RETURN = /^return\s*=\s*"?(minimal|representation|previous)"?$/i;

/** The first wish that is known; other preferences are ignored, as the RFC demands. */
function wishOf(text: string): ReturnWish | 'none' {
  for (const each of text.split(',')) {
    const wish = RETURN.exec(each.trim())?.[1]?.toLowerCase();
    if (wish === 'minimal' || wish === 'representation' || wish === 'previous') return wish;
  }
  return 'none';
}

export const HEADERS = {
  'Kv-Timeout': parameter({
    expected: 'expected a time such as 500ms or 2s',
    pattern: /^[1-9][0-9]{0,8}(ms|s)$/,
    read: timeOf,
    described: { description: 'deadline of the operation', examples: ['2s'] },
  }),
  'Kv-Forward': parameter({
    expected: 'expected: never',
    read: (text) => (text === 'never' ? text : undefined),
    described: { description: 'answer 307 or 421 instead of asking another node', const: 'never' },
  }),
  'Kv-Hops': parameter({
    expected: 'expected a small integer',
    pattern: /^\d{1,4}$/,
    read: Number,
    described: { description: 'how often the request has been forwarded' },
  }),
  'Idempotency-Key': parameter({
    expected: 'expected a UUID',
    read: clientIdIn,
    described: {
      description: 'a write is applied once per key; version 7 is best. A quoted UUID means the same',
      format: 'uuid',
    },
  }),
  'If-Match': tags('entity tags (revisions) such as "42", one of which the key must have; or *: it must exist'),
  'If-None-Match': tags('of a write only *: the key must be absent; of a read, entity tags: 304 if one is current'),
  Prefer: parameter({
    expected: '',
    read: wishOf,
    described: {
      description:
        'return=minimal, return=representation (the record after the write) or return=previous (the one before)',
    },
  }),
  // Its weights are read by `accept.ts`; nothing of it is refused.
  Accept: parameter({
    expected: '',
    read: (text) => text,
    described: {
      description: 'application/vnd.kvorum+json: the record as a JSON envelope; application/x-ndjson: results as lines',
    },
  }),
} as const;

export type HeaderName = keyof typeof HEADERS;

type MeaningOf<P> = P extends Parameter<infer T> ? T : never;
type Meanings = { readonly [Name in HeaderName as Lowercase<Name>]: MeaningOf<(typeof HEADERS)[Name]> };
type ByField = { readonly [Field in keyof Meanings]: Parameter<Meanings[Field]> };
/** As node:http names them. */
const BY_FIELD = Object.fromEntries(
  Object.entries(HEADERS).map(([name, header]) => [name.toLowerCase(), header]),
) as unknown as ByField;

/** What the header says; undefined if it is absent. @throws KvorumError `invalid-request` */
export function readHeader<Field extends keyof Meanings>(
  headers: IncomingHttpHeaders,
  field: Field,
): Meanings[Field] | undefined {
  const text: unknown = headers[field];
  if (typeof text !== 'string') return undefined;
  const header = BY_FIELD[field];
  const meaning = header.value(text);
  if (meaning === undefined) throw invalid(field, header.expected);
  return meaning;
}
