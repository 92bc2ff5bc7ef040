/** The query of `/v1/kv?…`: which keys, in which order, and what of them. Strict: what is out of grammar is refused. */
import {
  bytesKey,
  FIRST_KEY,
  groupingBy,
  inNamespace,
  isKeyType,
  KvorumError,
  MAX_DELIMITER_BYTES,
  namespaceKey,
  parseKeyText,
  prefixEndOf,
  stringKey,
  type Consistency,
  type Grouping,
  type KeyType,
  type Topology,
} from '../../shard/index.js';
import { MAX_PAGE_ROWS, type KeyRange } from '../dispatch/index.js';
import { invalid, preferredType, type DataRequest } from '../http/index.js';
import { BOUND_PARAMETERS } from './read-bound.js';

export const NDJSON = 'application/x-ndjson';

/** Whether a list of keys is to be sent as lines of JSON, at the pace of the reader. */
export const wantsStream = ({ accept }: DataRequest['headers']): boolean =>
  preferredType(accept, 'application/json', STREAM_TYPES) === NDJSON;
const STREAM_TYPES = [NDJSON];

export const DEFAULT_LIMIT = 100;

/** Bounds of a range as a client names them. */
export const RANGE_PARAMETERS = ['prefix', 'start', 'end', 'key_type'] as const;
export const LIST_PARAMETERS = [
  ...RANGE_PARAMETERS,
  'limit',
  'cursor',
  'reverse',
  'keys_only',
  'count_only',
  'delimiter',
  'consistency',
  ...BOUND_PARAMETERS,
] as const;

export const DELETE_PARAMETERS = [...RANGE_PARAMETERS, 'dry_run'] as const;

type Parameters = ReadonlyMap<string, string>;

export interface NamedRange extends Omit<KeyRange, 'reverse'> {
  /** All keys of the range begin with this encoding; undefined: they have bounds. */
  readonly prefix: Uint8Array | undefined;
  /** Some bound was given, and it is not an empty prefix, or an empty start alone. */
  readonly isBounded: boolean;
}

export interface RangeQuery extends NamedRange {
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  readonly grouping: Grouping | undefined;
  readonly limit: number;
  /** As it came. */
  readonly cursor: string | undefined;
  /** The same for two queries whose pages are those of one list. */
  readonly identity: string;
}

/** @param within key of the namespace @throws KvorumError `invalid-request`, `key-too-long` */
export function parseRange(parameters: Parameters, within: Uint8Array | undefined): NamedRange {
  const range = parseMainRange(parameters);
  if (within === undefined) return range;
  const { from, to, prefix, isBounded } = range;
  return {
    from: inNamespace(within, from === FIRST_KEY ? NOTHING : from),
    to: to === undefined ? prefixEndOf(within) : inNamespace(within, to),
    prefix: inNamespace(within, prefix ?? NOTHING),
    isBounded,
  };
}
const NOTHING = new Uint8Array(0);

/** All namespaces of all shards. */
export function parseNamespacesQuery(parameters: Parameters): RangeQuery {
  const [from, to] = [namespaceKey('a').subarray(0, 1), FIRST_KEY];
  const reverse = flag(parameters, 'reverse');
  return {
    ...{
      from,
      to,
      prefix: undefined,
      isBounded: false,
      reverse,
      countOnly: false,
      keysOnly: false,
      grouping: undefined,
    },
    limit: limitOf(parameters.get('limit')),
    cursor: parameters.get('cursor'),
    identity: JSON.stringify(['namespaces', reverse]),
  };
}
export const NAMESPACES_PARAMETERS = ['limit', 'cursor', 'reverse', 'consistency'] as const;

function parseMainRange(parameters: Parameters): NamedRange {
  const type = parameters.get('key_type') ?? 'string';
  if (!isKeyType(type)) throw invalid('key_type', 'expected one of string, json, base64url');
  const [prefixText, startText, endText] = ['prefix', 'start', 'end'].map((name) => parameters.get(name));
  if (prefixText !== undefined) {
    if (startText !== undefined || endText !== undefined) {
      throw invalid('prefix', 'a prefix excludes start and end');
    }
    const prefix = prefixOf(prefixText, type);
    return { from: prefix, to: prefixEndOf(prefix), prefix, isBounded: prefixText !== '' };
  }
  const from = startText === undefined ? FIRST_KEY : boundOf('start', startText, type);
  const to = endText === undefined ? undefined : boundOf('end', endText, type);
  // An empty start is most often a variable that was not set; the empty string is written "" with key_type json.
  const isBounded = (startText ?? '') !== '' || endText !== undefined;
  return { from, to, prefix: undefined, isBounded };
}

/** @throws KvorumError `invalid-request`, `key-too-long` */
export function parseRangeQuery(parameters: Parameters, within: Uint8Array | undefined): RangeQuery {
  const range = parseRange(parameters, within);
  const reverse = flag(parameters, 'reverse');
  const countOnly = flag(parameters, 'count_only');
  const delimiter = parameters.get('delimiter');
  const grouping = delimiter === undefined ? undefined : groupingOf(delimiter, range, parameters);
  if (countOnly && grouping !== undefined) throw invalid('count_only', 'keys are counted one by one, not by delimiter');
  return {
    ...range,
    reverse,
    countOnly,
    keysOnly: flag(parameters, 'keys_only'),
    grouping,
    limit: limitOf(parameters.get('limit')),
    cursor: parameters.get('cursor'),
    identity: JSON.stringify([hex(range.from), hex(range.to), reverse, delimiter]),
  };
}

/** @throws KvorumError `invalid-request` */
export function parseConsistency(text: string | undefined, topology: Topology | undefined): Consistency {
  if (text === undefined || text === 'linearizable') return 'linearizable';
  if (text === 'stale') return 'stale';
  if (text !== 'lease') throw invalid('consistency', 'expected one of linearizable, lease, stale');
  if (topology?.leaseReads === true) return 'lease';
  throw invalid('consistency', 'lease reads are not enabled in this cluster');
}

export function flag(parameters: Parameters, name: string): boolean {
  const text = parameters.get(name) ?? 'false';
  if (text !== 'true' && text !== 'false') throw invalid(name, 'expected true or false');
  return text === 'true';
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_LIMIT;
  const limit = /^[1-9]\d{0,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(limit <= MAX_PAGE_ROWS)) throw invalid('limit', `expected a whole number from 1 to ${MAX_PAGE_ROWS}`);
  return limit;
}

function groupingOf(text: string, { prefix }: NamedRange, parameters: Parameters): Grouping {
  if ((parameters.get('key_type') ?? 'string') !== 'string') throw invalid('delimiter', 'only string keys have one');
  const delimiter = Buffer.from(text);
  if (delimiter.length < 1 || delimiter.length > MAX_DELIMITER_BYTES) {
    throw invalid('delimiter', `expected 1 to ${MAX_DELIMITER_BYTES} bytes`);
  }
  return groupingBy(delimiter, prefix);
}

function boundOf(name: string, text: string, type: KeyType): Uint8Array {
  return named(name, () => parseKeyText(text, type));
}

/** The encoding with which every key begins that has this prefix. */
function prefixOf(text: string, type: KeyType): Uint8Array {
  return named('prefix', () => {
    if (type === 'string') return stringKey(text);
    const key = parseKeyText(text, type);
    if (type === 'base64url') return key;
    if (key[0] === bytesKey(new Uint8Array(0))[0] || key[0] === stringKey('')[0]) return key;
    // Without its end mark, an array is what every longer one begins with.
    if (text.trimStart().startsWith('[')) return key.subarray(0, -1);
    throw invalid('prefix', 'as JSON, a prefix is a string or an array');
  });
}

/** Errors of keys name the field `key`. */
function named(name: string, parse: () => Uint8Array): Uint8Array {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof KvorumError)) throw error;
    throw new KvorumError(error.code, error.message, { ...error.details, field: name });
  }
}

const hex = (bytes: Uint8Array | undefined): string | null =>
  bytes === undefined ? null : Buffer.from(bytes).toString('hex');
