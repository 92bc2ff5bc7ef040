/**
 * The query parameters of all routes. Each is described once, by a schema that both checks requests and stands in
 * `/openapi.json`; and so is which route takes which.
 */
import { z } from 'zod';
import {
  isKeyType,
  isRevision,
  isStaleness,
  MAX_DELIMITER_BYTES,
  parseDuration,
  parseTtl,
  type Consistency,
  type Expiry,
} from '../../shard/index.js';
import { MAX_PAGE_ROWS, type Backend } from '../dispatch/index.js';
import { invalid, parameter } from '../http/index.js';

const text = (description: string) => z.string().meta({ description });
const flag = z.enum(['true', 'false'], 'expected true or false').transform((given) => given === 'true');
export const TTL_EXPECTED = 'expected a duration such as 250ms, 30s, 15m, 24h or 7d, at most 10 years';

export const QUERY = {
  key_type: parameter({
    expected: 'expected one of string, json, base64url',
    read: (given) => (isKeyType(given) ? given : undefined),
    described: { description: 'how keys are written; default string', enum: ['string', 'json', 'base64url'] },
  }).schema,
  consistency: z
    .enum(['linearizable', 'lease', 'stale'], 'expected one of linearizable, lease, stale')
    .meta({ description: 'default linearizable; lease where it is enabled' }),
  min_revision: parameter({
    expected: 'expected a revision, a whole number below 2^48',
    pattern: /^(0|[1-9][0-9]{0,14})$/,
    read: (given) => (isRevision(Number(given)) ? Number(given) : undefined),
    described: { description: 'with consistency=stale, of one key: a replica that has applied this revision answers' },
  }).schema,
  max_staleness: parameter({
    expected: 'expected a duration such as 500ms or 30s, at most 24h',
    pattern: /^[1-9][0-9]{0,11}(ms|s|m|h|d)$/,
    read: (given) => {
      const ms = parseDuration(given);
      return ms !== undefined && isStaleness(ms) ? ms : undefined;
    },
    described: {
      description: 'with consistency=stale: a replica answers that has what was committed so long ago; at most 24h',
      examples: ['500ms'],
    },
  }).schema,
  ttl: parameter({
    expected: TTL_EXPECTED,
    pattern: /^(keep|[1-9][0-9]{0,11}(ms|s|m|h|d))$/,
    read: expiryIn,
    described: {
      description: 'time to live, 1 ms to 10 years, or keep; without it a key stays for ever',
      examples: ['30s'],
    },
  }).schema,
  prefix: text('keys that begin with it; excludes start and end'),
  start: text('first key, inclusive'),
  end: text('end of the range, exclusive'),
  limit: parameter({
    expected: `expected a whole number from 1 to ${MAX_PAGE_ROWS}`,
    pattern: /^[1-9][0-9]{0,4}$/,
    read: (given) => (Number(given) <= MAX_PAGE_ROWS ? Number(given) : undefined),
    described: { description: 'rows of a page; default 100, at most 10,000' },
  }).schema,
  cursor: text('of the page before'),
  reverse: flag,
  keys_only: flag,
  count_only: flag,
  dry_run: flag,
  force: flag,
  delimiter: parameter({
    expected: `expected 1 to ${MAX_DELIMITER_BYTES} bytes`,
    read: (given) => {
      const bytes = Buffer.from(given);
      return bytes.length >= 1 && bytes.length <= MAX_DELIMITER_BYTES ? bytes : undefined;
    },
    described: { description: 'keys that have it behind the prefix are grouped' },
  }).schema,
  verbose: text('all checks are shown, also those that hold'),
  strict: text('every shard has to be served'),
} as const satisfies Record<string, z.ZodType>;

export type QueryName = keyof typeof QUERY;
type Values = { readonly [Name in QueryName]: z.output<(typeof QUERY)[Name]> };
const BY_NAME: { readonly [Name in QueryName]: z.ZodType<Values[Name]> } = QUERY;

export type Parameters = ReadonlyMap<string, string>;

/** The parameter's value; undefined without it. @throws KvorumError `invalid-request` */
export function readQuery<Name extends QueryName>(parameters: Parameters, name: Name): Values[Name] | undefined {
  const given = parameters.get(name);
  if (given === undefined) return undefined;
  const result = BY_NAME[name].safeParse(given);
  if (result.success) return result.data;
  throw invalid(name, result.error.issues[0]?.message ?? '');
}

/** `30s`, `keep`; undefined for anything else. */
export function expiryIn(given: string): Expiry | undefined {
  if (given === 'keep') return { type: 'keep' };
  const ms = parseTtl(given);
  return ms === undefined ? undefined : { type: 'after', ms };
}

/** @throws KvorumError `invalid-request` */
export function consistencyIn(parameters: Parameters, backend: Pick<Backend, 'topology'>): Consistency {
  const consistency = readQuery(parameters, 'consistency') ?? 'linearizable';
  if (consistency !== 'lease' || backend.topology()?.leaseReads === true) return consistency;
  throw invalid('consistency', 'lease reads are not enabled in this cluster');
}

const BOUNDS = ['min_revision', 'max_staleness'] as const;
const RANGE = ['prefix', 'start', 'end', 'key_type'] as const;
const PAGE = ['limit', 'cursor', 'reverse'] as const;

/** Which parameters a route takes. */
export const TAKEN = {
  none: [],
  get: ['key_type', 'consistency', ...BOUNDS],
  put: ['key_type', 'ttl'],
  key: ['key_type'],
  list: [...RANGE, ...PAGE, 'keys_only', 'count_only', 'delimiter', 'consistency', ...BOUNDS],
  deleteRange: [...RANGE, 'dry_run'],
  namespaces: [...PAGE, 'consistency'],
  showNamespace: ['consistency'],
  dropNamespace: ['force'],
  ready: ['verbose', 'strict'],
} as const satisfies Readonly<Record<string, readonly QueryName[]>>;
