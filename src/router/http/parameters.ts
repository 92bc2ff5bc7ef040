/**
 * The headers and query parameters of the API as schemas, for `/openapi.json`. Requests are read by hand-written
 * parsers, which cost the hot path less; a test compares the grammars (`test/router/openapi.test.ts`).
 */
import { z } from 'zod';

const text = (description: string) => z.string().meta({ description });

export const HEADERS = {
  'Kv-Timeout': z
    .string()
    .regex(/^[1-9][0-9]{0,8}(ms|s)$/)
    .meta({ description: 'deadline of the operation', examples: ['2s'] }),
  'Kv-Forward': z.literal('never').meta({ description: 'answer 307 or 421 instead of asking another node' }),
  'Idempotency-Key': z
    .uuid()
    .meta({ description: 'a write is applied once per key; version 7 is best. A quoted UUID means the same' }),
  'If-Match': text('entity tags (revisions) such as "42", one of which the key must have; or *: it must exist'),
  'If-None-Match': text('of a write only *: the key must be absent; of a read, entity tags: 304 if one is current'),
  Prefer: text(
    'return=minimal, return=representation (the record after the write) or return=previous (the one before)',
  ),
  Accept: text('application/vnd.kvorum+json: the record as a JSON envelope; application/x-ndjson: results as lines'),
} as const satisfies Record<string, z.ZodType>;

const flag = z.enum(['true', 'false']);
export const QUERY = {
  key_type: z.enum(['string', 'json', 'base64url']).meta({ description: 'how keys are written; default string' }),
  consistency: z.enum(['linearizable', 'lease', 'stale']).meta({ description: 'default linearizable' }),
  min_revision: z
    .string()
    .regex(/^(0|[1-9][0-9]{0,14})$/)
    .meta({ description: 'with consistency=stale, of one key: a replica that has applied this revision answers' }),
  max_staleness: z
    .string()
    .regex(/^[1-9][0-9]{0,11}(ms|s|m|h|d)$/)
    .meta({
      description: 'with consistency=stale: a replica answers that has what was committed so long ago; at most 24h',
      examples: ['500ms'],
    }),
  ttl: z
    .string()
    .regex(/^(keep|[1-9][0-9]{0,11}(ms|s|m|h|d))$/)
    .meta({
      description: 'time to live, 1 ms to 10 years, or keep; without it a key stays for ever',
      examples: ['30s'],
    }),
  prefix: text('keys that begin with it; excludes start and end'),
  start: text('first key, inclusive'),
  end: text('end of the range, exclusive'),
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,4}$/)
    .meta({ description: 'rows of a page; default 100, at most 10,000' }),
  cursor: text('of the page before'),
  reverse: flag,
  keys_only: flag,
  count_only: flag,
  dry_run: flag,
  force: flag,
  delimiter: text('keys that have it behind the prefix are grouped'),
  verbose: text('all checks are shown, also those that hold'),
  strict: text('every shard has to be served'),
} as const satisfies Record<string, z.ZodType>;

export type HeaderName = keyof typeof HEADERS;
export type QueryName = keyof typeof QUERY;
