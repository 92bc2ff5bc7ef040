/**
 * Content types of values (RFC 9110 §8.3.1), validated and parsed in one pass from left to right, in linear time.
 *
 * Decided: a parser of our own. Instead of: the package `content-type`, which parses `Accept` and stored types here.
 * Its version 2 parses and never refuses: of 20 malformed texts, such as `text`, `text/plain;a="` or `text/plain;=1`,
 * it takes all 20, which have to be refused with 415. (Speed does not matter: types that passed are cached.) Not a
 * regular expression either: for this grammar it has a choice at every quote, and on malformed text it tries all of
 * them.
 */

export interface MediaType {
  /** Type and subtype, in lower case. */
  readonly essence: string;
  /** Value of the first parameter `charset`, in lower case and without quotes; undefined if there is none. */
  readonly charset: string | undefined;
}

const TAB = 0x09;
const SPACE = 0x20;
const QUOTE = 0x22;
const SLASH = 0x2f;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** By character code: whether it is a token character (RFC 9110 §5.6.2). */
const IS_TOKEN: readonly boolean[] = Array.from({ length: 0x7f }, (_, code) =>
  /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(String.fromCharCode(code)),
);

/** `type/subtype` and parameters; undefined if the text is anything else. */
export function parseMediaType(text: string): MediaType | undefined {
  const typeEnd = tokenEnd(text, 0);
  if (typeEnd === 0 || text.charCodeAt(typeEnd) !== SLASH) return undefined;
  const end = tokenEnd(text, typeEnd + 1);
  if (end === typeEnd + 1) return undefined;
  let charset: string | undefined;
  let at = end;
  while (at < text.length) {
    at = blanksEnd(text, at);
    if (text.charCodeAt(at) !== SEMICOLON) return undefined;
    at = blanksEnd(text, at + 1);
    const nameEnd = tokenEnd(text, at);
    // A semicolon may be followed by nothing.
    if (nameEnd === at) continue;
    if (text.charCodeAt(nameEnd) !== EQUALS) return undefined;
    const valueEnd = parameterValueEnd(text, nameEnd + 1);
    if (valueEnd === undefined) return undefined;
    if (charset === undefined && text.slice(at, nameEnd).toLowerCase() === 'charset') {
      charset = unquoted(text.slice(nameEnd + 1, valueEnd)).toLowerCase();
    }
    at = valueEnd;
  }
  return { essence: text.slice(0, end).toLowerCase(), charset };
}

function tokenEnd(text: string, from: number): number {
  let at = from;
  while (IS_TOKEN[text.charCodeAt(at)] === true) at += 1;
  return at;
}

function blanksEnd(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB) at += 1;
  return at;
}

/** The end of a token or quoted string; undefined if neither starts here. */
function parameterValueEnd(text: string, from: number): number | undefined {
  if (text.charCodeAt(from) !== QUOTE) {
    const end = tokenEnd(text, from);
    return end === from ? undefined : end;
  }
  for (let at = from + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) at += 1;
    if (!isQuotable(text.charCodeAt(at))) return undefined;
  }
  return undefined;
}

/** False for NaN, the code behind the end. */
const isQuotable = (code: number): boolean => code === TAB || (code >= SPACE && code <= 0x7e);

const unquoted = (value: string): string =>
  value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/gs, '$1') : value;
