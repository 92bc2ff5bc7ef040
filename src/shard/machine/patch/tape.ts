/**
 * Where the values of JSON texts begin and end: one flat array of integers for several texts, made by the pass that checks
 * them (`strict-json.ts`). Values are known by their place in it, so that a text of a million numbers makes no million
 * objects.
 */
import { memberName } from '../../member-names.js';
import { strictJsonError, type JsonBounds, type Places } from '../../strict-json.js';

export type Kind = 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null';

/** The place of a value, or of a member's name, in the tape. What is in a container follows it; a name, its value. */
export type TapeId = number;

const BACKSLASH = 0x5c;

/** Numbers begin with anything else. */
const KINDS: Readonly<Record<string, Kind>> = {
  '{': 'object',
  '[': 'array',
  '"': 'string',
  t: 'true',
  f: 'false',
  n: 'null',
};
const KIND_OF_BYTE: readonly Kind[] = Array.from({ length: 256 }, (_, byte) => {
  return KINDS[String.fromCharCode(byte)] ?? 'number';
});

/** Texts up to this length are compared faster by hand. */
const SHORT = 24;
/** Values for which there is room at first, and bytes of text for each more; the room grows. */
const FEW_VALUES = 16;
const BYTES_PER_VALUE = 16;
/** Per value: first byte, byte behind the last, id of what follows behind all that is in it. */
const FIELDS = 3;

/** The text that is not acceptable, and why. */
export interface WrongText {
  readonly wrong: string;
  /** Which of the texts. */
  readonly index: number;
}

/** @param boundsOf those of each text */
export function readTape(texts: readonly Uint8Array[], boundsOf: (index: number) => JsonBounds): Tape | WrongText {
  const [only] = texts;
  const text =
    texts.length === 1 && only !== undefined
      ? Buffer.from(only.buffer, only.byteOffset, only.byteLength)
      : Buffer.concat(texts);
  const builder = new Builder(text.length);
  const roots: TapeId[] = [];
  let from = 0;
  for (const [index, { length }] of texts.entries()) {
    roots.push(builder.startText(from));
    const wrong = strictJsonError(text.subarray(from, from + length), boundsOf(index), builder);
    if (wrong !== undefined) return { wrong, index };
    from += length;
  }
  return new Tape(text, roots, builder.places);
}

class Builder implements Places {
  places: Int32Array;
  #count = 0;
  #from = 0;

  constructor(bytes: number) {
    this.places = new Int32Array(FIELDS * (FEW_VALUES + Math.floor(bytes / BYTES_PER_VALUE)));
  }

  /** The id of the text's value. */
  startText(from: number): TapeId {
    this.#from = from;
    return this.#count;
  }

  begin(at: number): TapeId {
    const id = this.#count;
    if (FIELDS * (id + 1) > this.places.length) {
      const places = new Int32Array(2 * this.places.length);
      places.set(this.places);
      this.places = places;
    }
    this.places[FIELDS * id] = this.#from + at;
    this.#count += 1;
    return id;
  }

  end(id: TapeId, at: number): void {
    this.places[FIELDS * id + 1] = this.#from + at;
    this.places[FIELDS * id + 2] = this.#count;
  }
}

export class Tape {
  readonly text: Buffer;
  /** The values of the texts, in their order. */
  readonly roots: readonly TapeId[];
  readonly #places: Int32Array;

  /** Made by `readTape`. */
  constructor(text: Buffer, roots: readonly TapeId[], places: Int32Array) {
    this.text = text;
    this.roots = roots;
    this.#places = places;
  }

  start(id: TapeId): number {
    return this.#places[FIELDS * id] ?? 0;
  }

  end(id: TapeId): number {
    return this.#places[FIELDS * id + 1] ?? 0;
  }

  /** What follows the value in its container, or that container. */
  after(id: TapeId): TapeId {
    return this.#places[FIELDS * id + 2] ?? 0;
  }

  bytes(id: TapeId): number {
    return this.end(id) - this.start(id);
  }

  kind(id: TapeId): Kind {
    return KIND_OF_BYTE[this.text[this.start(id)] ?? 0] ?? 'number';
  }

  slice(id: TapeId): Buffer {
    return this.text.subarray(this.start(id), this.end(id));
  }

  /** The characters of a member's name: the same as by `string`, and faster for names that are met often. */
  name(id: TapeId): string {
    return memberName(this.text, this.start(id), this.end(id), this.isEscaped(id));
  }

  /** The characters of a string or name. */
  string(id: TapeId): string {
    const [start, end] = [this.start(id), this.end(id)];
    const isEscaped = this.isEscaped(id);
    return isEscaped
      ? (JSON.parse(this.text.toString('utf8', start, end)) as string)
      : this.text.toString('utf8', start + 1, end - 1);
  }

  /** Whether a string has escapes: others are equal only if their texts are. */
  isEscaped(id: TapeId): boolean {
    const { text } = this;
    for (let at = this.start(id), end = this.end(id); at < end; at += 1) if (text[at] === BACKSLASH) return true;
    return false;
  }

  isSameText(a: TapeId, b: TapeId): boolean {
    const { text } = this;
    const [start, other, bytes] = [this.start(a), this.start(b), this.bytes(a)];
    if (bytes !== this.bytes(b)) return false;
    if (bytes > SHORT) return text.compare(text, other, other + bytes, start, start + bytes) === 0;
    for (let at = 0; at < bytes; at += 1) if (text[start + at] !== text[other + at]) return false;
    return true;
  }
}
