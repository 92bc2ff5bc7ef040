/**
 * Parses a request target as received: the path is percent-decoded once, nothing is normalised.
 *
 * `..`, `//`, `%2f` and `%00` are taken literally: a key is opaque.
 */
import { isUtf8 } from 'node:buffer';
import { invalid } from './problems.js';

export interface Target {
  /** Still percent-encoded. */
  readonly path: string;
  /** Without the `?`; empty if there is none. */
  readonly query: string;
}

/** RFC 3986 allows these unencoded, less a few; a correct client never sends a `#`. */
const VISIBLE_ASCII = /^[\x21\x22\x24-\x7e]+$/;

/** Splits an origin-form target (RFC 9112 §3.2.1). @throws KvorumError `invalid-request` for any other form. */
export function splitTarget(target: string): Target {
  if (!target.startsWith('/')) throw invalid('request-target', 'only the origin form of a request target is served');
  if (!VISIBLE_ASCII.test(target)) throw invalid('request-target', 'a character must be percent-encoded');
  const mark = target.indexOf('?');
  if (mark < 0) return { path: target, query: '' };
  return { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/** The parts of a target in absolute form (RFC 9112 §3.2.2); undefined for any other form or scheme. */
export function absoluteForm(target: string): { readonly authority: string; readonly origin: string } | undefined {
  const scheme = 'http://';
  if (target.slice(0, scheme.length).toLowerCase() !== scheme) return undefined;
  const rest = target.slice(scheme.length);
  const end = rest.search(/[/?]/);
  if (end < 0) return { authority: rest, origin: '/' };
  const path = rest.slice(end);
  return { authority: rest.slice(0, end), origin: path.startsWith('/') ? path : `/${path}` };
}

/** Percent-decodes once to text. @throws KvorumError `invalid-request` for a malformed escape or invalid UTF-8. */
export function decodePercent(encoded: string, field: string): string {
  if (!encoded.includes('%')) return encoded;
  const bytes = Buffer.allocUnsafe(encoded.length);
  let length = 0;
  for (let i = 0; i < encoded.length; i++) {
    let byte = encoded.charCodeAt(i);
    if (byte === 0x25) {
      byte = hexDigit(encoded.charCodeAt(i + 1)) * 16 + hexDigit(encoded.charCodeAt(i + 2));
      if (Number.isNaN(byte)) throw invalid(field, 'malformed percent-encoding');
      i += 2;
    }
    bytes[length++] = byte;
  }
  const decoded = bytes.subarray(0, length);
  if (!isUtf8(decoded)) throw invalid(field, 'the percent-decoded text is not valid UTF-8');
  return decoded.toString('utf8');
}

/** NaN for anything but a hex digit. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : Number.NaN;
}

const NO_PARAMETERS: ReadonlyMap<string, string> = new Map();

/**
 * Query parameters by name; `a` without `=` has the empty value. `+` is a plus.
 * @throws KvorumError `invalid-request` for a name that is not allowed or appears twice.
 */
export function parseQuery(query: string, allowed: readonly string[]): ReadonlyMap<string, string> {
  if (query === '') return NO_PARAMETERS;
  const parameters = new Map<string, string>();
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    const name = decodePercent(equals < 0 ? pair : pair.slice(0, equals), 'query');
    if (!allowed.includes(name)) throw invalid(fieldName(name), 'unknown query parameter');
    if (parameters.has(name)) throw invalid(name, 'the query parameter is repeated');
    parameters.set(name, equals < 0 ? '' : decodePercent(pair.slice(equals + 1), name));
  }
  return parameters;
}

/** A client's parameter name, cut for the problem document. (JSON escapes the rest.) */
const fieldName = (name: string): string => (name === '' ? 'query' : name.slice(0, 64));
