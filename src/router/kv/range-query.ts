/** The query of `/v1/kv?…`: which keys, in which order, and what of them. Strict: what is out of grammar is refused. */
import {
  bytesKey,
  FIRST_KEY,
  groupingBy,
  inNamespace,
  KvorumError,
  namespaceKey,
  parseKeyText,
  prefixEndOf,
  stringKey,
  type Grouping,
  type KeyType,
} from '../../shard/index.js';
import type { KeyRange } from '../dispatch/index.js';
import { invalid, preferredType, type DataRequest } from '../http/index.js';
import { readQuery, type Parameters } from './parameters.js';

export const NDJSON = 'application/x-ndjson';

/** Whether a list of keys is to be sent as lines of JSON, at the pace of the reader. */
export const wantsStream = ({ accept }: DataRequest['headers']): boolean =>
  preferredType(accept, 'application/json', STREAM_TYPES) === NDJSON;
const STREAM_TYPES = [NDJSON];

export const DEFAULT_LIMIT = 100;

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
  const reverse = readQuery(parameters, 'reverse') ?? false;
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
    limit: readQuery(parameters, 'limit') ?? DEFAULT_LIMIT,
    cursor: parameters.get('cursor'),
    identity: JSON.stringify(['namespaces', reverse]),
  };
}
function parseMainRange(parameters: Parameters): NamedRange {
  const type = readQuery(parameters, 'key_type') ?? 'string';
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
  const reverse = readQuery(parameters, 'reverse') ?? false;
  const countOnly = readQuery(parameters, 'count_only') ?? false;
  const delimiter = readQuery(parameters, 'delimiter');
  const grouping = delimiter === undefined ? undefined : groupingOf(delimiter, range, parameters);
  if (countOnly && grouping !== undefined) throw invalid('count_only', 'keys are counted one by one, not by delimiter');
  return {
    ...range,
    reverse,
    countOnly,
    keysOnly: readQuery(parameters, 'keys_only') ?? false,
    grouping,
    limit: readQuery(parameters, 'limit') ?? DEFAULT_LIMIT,
    cursor: parameters.get('cursor'),
    identity: JSON.stringify([hex(range.from), hex(range.to), reverse, parameters.get('delimiter')]),
  };
}

function groupingOf(delimiter: Buffer, { prefix }: NamedRange, parameters: Parameters): Grouping {
  if ((readQuery(parameters, 'key_type') ?? 'string') !== 'string') {
    throw invalid('delimiter', 'only string keys have one');
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
