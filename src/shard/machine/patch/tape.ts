/**
 * Where the values of JSON texts begin and end: one flat array of integers for several texts, made in one pass without
 * recursion. Values are known by their place in it, so that a text of a million numbers makes no million objects.
 *
 * The texts must be acceptable to `strictJsonError`: nothing is checked here.
 */
export type Kind = 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null';

/** The place of a value, or of a member's name, in the tape. What is in a container follows it; a name, its value. */
export type TapeId = number;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

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

export class Tape {
  readonly text: Buffer;
  /** The values of the texts, in their order. */
  readonly roots: readonly TapeId[];
  #places: Int32Array;
  #count = 0;

  constructor(texts: readonly Uint8Array[]) {
    const [only] = texts;
    this.text =
      texts.length === 1 && only !== undefined
        ? Buffer.from(only.buffer, only.byteOffset, only.byteLength)
        : Buffer.concat(texts);
    this.#places = new Int32Array(FIELDS * (FEW_VALUES + Math.floor(this.text.length / BYTES_PER_VALUE)));
    let from = 0;
    this.roots = texts.map(({ length }) => {
      from += length;
      return this.#scan(from - length, from);
    });
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

  #scan(from: number, to: number): TapeId {
    const { text } = this;
    const root = this.#count;
    const open: TapeId[] = [];
    for (let at = from; at < to;) {
      const byte = text[at] ?? 0;
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        open.push(this.#begin(at));
        at += 1;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        at += 1;
        this.#finish(open.pop() ?? root, at);
      } else if (byte <= SPACE || byte === COMMA || byte === COLON) {
        at += 1;
      } else {
        const id = this.#begin(at);
        at = byte === QUOTE ? this.#endOfString(at) : this.#endOfWord(at, to);
        this.#finish(id, at);
      }
    }
    return root;
  }

  #begin(at: number): TapeId {
    if (FIELDS * (this.#count + 1) > this.#places.length) {
      const places = new Int32Array(2 * this.#places.length);
      places.set(this.#places);
      this.#places = places;
    }
    this.#places[FIELDS * this.#count] = at;
    this.#count += 1;
    return this.#count - 1;
  }

  #finish(id: TapeId, at: number): void {
    this.#places[FIELDS * id + 1] = at;
    this.#places[FIELDS * id + 2] = this.#count;
  }

  #endOfString(start: number): number {
    const { text } = this;
    for (let at = start + 1; ; at += 1) {
      const byte = text[at];
      if (byte === BACKSLASH) at += 1;
      else if (byte === QUOTE || byte === undefined) return at + 1;
    }
  }

  /** The end of a number, `true`, `false` or `null`. */
  #endOfWord(start: number, to: number): number {
    const { text } = this;
    let at = start + 1;
    while (at < to) {
      const byte = text[at] ?? 0;
      if (byte <= SPACE || byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) break;
      at += 1;
    }
    return at;
  }
}
