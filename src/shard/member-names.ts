/** Names of members of JSON objects: read from bytes, and told apart. */

/** Longer names are made each time. */
const SHORT = 16;
/** Names that are kept; each has one place, which the next name with the same hash takes. */
const KEPT = 256;

interface Kept {
  readonly bytes: Uint8Array;
  readonly text: string;
}
/**
 * Texts of short names that were read: a batch has the same few a thousand times, and a string takes longer to make than
 * to find. Nothing but time depends on what is in it.
 */
const kept = new Array<Kept | undefined>(KEPT).fill(undefined);

/**
 * The name that is quoted from `start` to before `end`, quotes included. Equal names may be spelt in different ways (`"a"`
 * and `"\u0061"`) and are equal here.
 */
export function memberName(bytes: Buffer, start: number, end: number, isEscaped: boolean): string {
  if (isEscaped) return JSON.parse(bytes.toString('utf8', start, end)) as string;
  const [from, to] = [start + 1, end - 1];
  if (to - from > SHORT) return bytes.toString('utf8', from, to);
  let hash = 0;
  for (let at = from; at < to; at += 1) hash = (31 * hash + (bytes[at] ?? 0)) % 65_521;
  const found = kept[hash % KEPT];
  if (found !== undefined && isSame(found.bytes, bytes, from, to)) return found.text;
  const text = bytes.toString('utf8', from, to);
  kept[hash % KEPT] = { bytes: Uint8Array.prototype.slice.call(bytes, from, to), text };
  return text;
}

function isSame(name: Uint8Array, bytes: Buffer, from: number, to: number): boolean {
  if (name.length !== to - from) return false;
  for (let at = 0; at < name.length; at += 1) if (name[at] !== bytes[from + at]) return false;
  return true;
}

/** So many are searched faster than hashed. */
const FEW = 8;

/** The names of one object so far. */
export class MemberNames {
  readonly #few: string[] = [];
  #count = 0;
  #all: Set<string> | undefined;

  /** For the next object: most have few names, and a list that is made for each would be much of what reading them makes. */
  clear(): void {
    this.#count = 0;
    this.#all = undefined;
  }

  /** False if it has it already. */
  add(name: string): boolean {
    if (this.#all !== undefined) {
      if (this.#all.has(name)) return false;
      this.#all.add(name);
      return true;
    }
    for (let at = 0; at < this.#count; at += 1) if (this.#few[at] === name) return false;
    if (this.#count === FEW) this.#all = new Set(this.#few).add(name);
    else this.#few[this.#count++] = name;
    return true;
  }
}
