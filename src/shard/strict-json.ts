/**
 * Checks that bytes are JSON (RFC 8259) that every reader interprets alike, as values and keys have to be: strictly, in
 * one pass, without recursion. `JSON.parse` would silently repair some of what is refused here.
 *
 * Refused beyond plain syntax (after I-JSON, RFC 7493): a byte order mark, invalid UTF-8, lone surrogates, duplicate
 * members, numbers beyond a double, and more nesting or members than the bounds; in keys also integers that a double
 * would round. It builds no value, but tells where the parts of the text are (`Places`), from which callers that need more
 * than an opinion read on (`machine/patch/tape.ts`).
 *
 * The state machine checks values and patches with it at apply (`machine/patch`): what is acceptable under given bounds may
 * not change, or replicas of two builds would disagree on what an entry did.
 *
 * Decided: a checker here. Instead of: a parser from npm; none was found that refuses all of this on bytes, with bounds of
 * nesting and members, and without building the value, which most stored values never need.
 */
import { isUtf8 } from 'node:buffer';
import { MemberNames, memberName } from './member-names.js';

export interface JsonBounds {
  readonly depth: number;
  readonly members: number;
  /** Integers that a double cannot hold exactly are refused. */
  readonly exactIntegers?: boolean;
}

/** Is told of each value, and of each name before the member's value, in the order in which they begin. */
export interface Places {
  /** @param at first byte @returns what the value is called when it ends */
  begin(at: number): number;
  /** All that is in it has ended. @param at byte behind the last */
  end(id: number, at: number): void;
}

/**
 * Undefined if the bytes are acceptable JSON; otherwise what is wrong, with the byte offset.
 * @param places is told all up to where something is wrong
 */
export function strictJsonError(bytes: Buffer, bounds: JsonBounds, places?: Places): string | undefined {
  if (bytes.length === 0) return 'the text is empty';
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'a byte order mark is not allowed';
  if (!isUtf8(bytes)) return 'the text is not valid UTF-8';
  try {
    new Scanner(bytes, bounds, places).scan();
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
}

class Fault extends Error {}

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const PLUS = 0x2b;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const UPPER_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;
const LOWER_F = 0x66;
const LOWER_N = 0x6e;
const LOWER_T = 0x74;
const LOWER_U = 0x75;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const isDigit = (byte: number): boolean => byte >= ZERO && byte <= NINE;
/** Characters allowed after a backslash, besides `u`. */
const SIMPLE_ESCAPES = new Set(Buffer.from('"\\/bfnrt'));
/** Integers with fewer digits are within the range of a double. */
const SAFE_DIGITS = 300;

class Scanner {
  readonly #bytes: Buffer;
  readonly #bounds: JsonBounds;
  readonly #places: Places | undefined;
  #at = 0;
  #members = 0;
  /** Open containers: for an object its names so far, for an array undefined. */
  readonly #open: (MemberNames | undefined)[] = [];
  /** Of objects that have ended. */
  readonly #unused: MemberNames[] = [];
  /** What the open containers are called, for `#places`. */
  readonly #ids: number[] = [];

  constructor(bytes: Buffer, bounds: JsonBounds, places: Places | undefined) {
    this.#bytes = bytes;
    this.#bounds = bounds;
    this.#places = places;
  }

  scan(): void {
    let wantsValue = true;
    for (;;) {
      const byte = this.#skipSpace();
      if (wantsValue) wantsValue = this.#value(byte);
      else if (this.#open.length === 0) break;
      else wantsValue = this.#afterValue(byte);
    }
    if (this.#at < this.#bytes.length) throw this.#fault('unexpected text after the value');
  }

  /** True if another value must follow (the first of a container that was opened). */
  #value(byte: number): boolean {
    switch (byte) {
      case OPEN_BRACE:
        return this.#openObject();
      case OPEN_BRACKET:
        this.#push(undefined);
        if (this.#skipSpace() !== CLOSE_BRACKET) return true;
        this.#pop();
        return false;
      default: {
        const id = this.#places?.begin(this.#at);
        this.#scalar(byte);
        if (id !== undefined) this.#places?.end(id, this.#at);
        return false;
      }
    }
  }

  #scalar(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#string();
        return;
      case LOWER_T:
        this.#word('true');
        return;
      case LOWER_F:
        this.#word('false');
        return;
      case LOWER_N:
        this.#word('null');
        return;
      default:
        this.#number(byte);
    }
  }

  #openObject(): boolean {
    const names = this.#unused.pop() ?? new MemberNames();
    names.clear();
    this.#push(names);
    if (this.#skipSpace() === CLOSE_BRACE) {
      this.#pop();
      return false;
    }
    this.#name(names);
    return true;
  }

  #afterValue(byte: number): boolean {
    const names = this.#open.at(-1);
    if (byte === COMMA) {
      this.#at += 1;
      if (names !== undefined) {
        this.#skipSpace();
        this.#name(names);
      }
      return true;
    }
    if (byte !== (names === undefined ? CLOSE_BRACKET : CLOSE_BRACE)) throw this.#fault('unexpected text');
    this.#pop();
    return false;
  }

  #push(names: MemberNames | undefined): void {
    if (this.#places !== undefined) this.#ids.push(this.#places.begin(this.#at));
    this.#at += 1;
    this.#open.push(names);
    if (this.#open.length > this.#bounds.depth) {
      throw this.#fault(`nested deeper than ${this.#bounds.depth} levels`);
    }
  }

  #pop(): void {
    this.#at += 1;
    const names = this.#open.pop();
    if (names !== undefined) this.#unused.push(names);
    const id = this.#ids.pop();
    if (id !== undefined) this.#places?.end(id, this.#at);
  }

  #name(names: MemberNames): void {
    const start = this.#at;
    if (this.#bytes[start] !== QUOTE) throw this.#fault('a member name is missing');
    const id = this.#places?.begin(start);
    const escaped = this.#string();
    if (id !== undefined) this.#places?.end(id, this.#at);
    if (!names.add(memberName(this.#bytes, start, this.#at, escaped))) {
      throw this.#fault('a member name appears twice', start);
    }
    this.#members += 1;
    if (this.#members > this.#bounds.members) throw this.#fault(`more than ${this.#bounds.members} members`);
    if (this.#skipSpace() !== COLON) throw this.#fault('a colon is missing');
    this.#at += 1;
  }

  /** Moves past the closing quote; true if there was an escape. */
  #string(): boolean {
    let escaped = false;
    this.#at += 1;
    for (;;) {
      const byte = this.#skipPlain();
      if (byte === QUOTE) {
        this.#at += 1;
        return escaped;
      }
      if (byte === undefined) throw this.#fault('a string does not end');
      if (byte < SPACE) throw this.#fault('a control character in a string');
      escaped = true;
      this.#escape();
    }
  }

  /** Moves to the next byte that means something in a string, and returns it. Most bytes of a text are passed here. */
  #skipPlain(): number | undefined {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at];
    while (byte !== undefined && byte !== QUOTE && byte !== BACKSLASH && byte >= SPACE) {
      at += 1;
      byte = bytes[at];
    }
    this.#at = at;
    return byte;
  }

  #escape(): void {
    const byte = this.#bytes[this.#at + 1];
    if (byte !== LOWER_U) {
      if (byte === undefined || !SIMPLE_ESCAPES.has(byte)) throw this.#fault('an unknown escape');
      this.#at += 2;
      return;
    }
    const unit = this.#codeUnit();
    if (unit < 0xd800 || unit > 0xdfff) return;
    const paired = unit <= 0xdbff && this.#bytes[this.#at] === BACKSLASH && this.#bytes[this.#at + 1] === LOWER_U;
    const low = paired ? this.#codeUnit() : 0;
    if (low < 0xdc00 || low > 0xdfff) throw this.#fault('a lone surrogate');
  }

  /** The escape of one UTF-16 code unit, `\u` and four hexadecimal digits, at the current place. */
  #codeUnit(): number {
    const digits = this.#bytes.toString('latin1', this.#at + 2, this.#at + 6);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#fault('an unknown escape');
    this.#at += 6;
    return Number.parseInt(digits, 16);
  }

  #word(word: string): void {
    if (this.#bytes.toString('latin1', this.#at, this.#at + word.length) !== word) throw this.#fault('unexpected text');
    this.#at += word.length;
  }

  #number(first: number): void {
    const start = this.#at;
    if (first === MINUS) this.#at += 1;
    if (this.#bytes[this.#at] === ZERO) this.#at += 1;
    else this.#digits();
    let suspect = this.#at - start > SAFE_DIGITS;
    const integerEnd = this.#at;
    if (this.#bytes[this.#at] === DOT) {
      this.#at += 1;
      this.#digits();
    }
    const exponent = this.#bytes[this.#at];
    if (exponent === LOWER_E || exponent === UPPER_E) {
      suspect = true;
      this.#at += 1;
      const sign = this.#bytes[this.#at];
      if (sign === PLUS || sign === MINUS) this.#at += 1;
      this.#digits();
    }
    if (suspect && !Number.isFinite(Number(this.#bytes.toString('latin1', start, this.#at)))) {
      throw this.#fault('a number beyond the range of a double', start);
    }
    if (this.#bounds.exactIntegers === true && this.#at === integerEnd) this.#requireExact(start);
  }

  /** Accepts exact integers and the shortest digits of a double, which are not always its exact value. */
  #requireExact(start: number): void {
    const digits = this.#bytes.toString('latin1', start, this.#at);
    const value = Number(digits);
    if (Number.isSafeInteger(value) || BigInt(digits) === BigInt(value) || digits === String(value)) return;
    throw this.#fault('an integer is too large to be exact', start);
  }

  #digits(): void {
    const start = this.#at;
    while (isDigit(this.#bytes[this.#at] ?? 0)) this.#at += 1;
    if (this.#at === start) throw this.#fault('unexpected text');
  }

  /** The next byte that is not white space; 0 at the end (which nothing expects). */
  #skipSpace(): number {
    for (;;) {
      const byte = this.#bytes[this.#at];
      if (byte !== SPACE && byte !== LINE_FEED && byte !== CARRIAGE_RETURN && byte !== TAB) {
        return byte ?? 0;
      }
      this.#at += 1;
    }
  }

  #fault(what: string, at: number = this.#at): Fault {
    return new Fault(`${what} (at byte ${at})`);
  }
}
