/**
 * Finds 16-byte ids in a buffer of slots of equal size: a hash table with open addressing over the buffer itself. A Map
 * of strings would cost three times the time and memory, and load the garbage collector with its strings.
 *
 * A place has some bits of its id's hash beside the position, so that a search hardly ever touches the slot of another id:
 * at a full table that would be most of its time, waiting for the processor's memory.
 *
 * The hash is seeded per process, because clients choose ids; no answer depends on it.
 */
import { randomBytes } from 'node:crypto';
import { readU32 } from '../big-endian.js';

const SEED = randomBytes(4).readInt32LE(0);
const ID_BYTES = 16;

export class DedupIndex {
  /**
   * Position of a slot plus 1, and above it the high bits of its id's hash, of which the low ones decide the home place; 0
   * is empty. It has two places per slot, so it is never more than half full.
   */
  readonly #places: Int32Array;
  /** Of an index into `#places`, and of a position plus 1. */
  readonly #mask: number;
  readonly #bytes: Uint8Array;
  readonly #slotBytes: number;

  /** `slots`: a power of two. The id of position p is at `p * slotBytes`. */
  constructor(bytes: Uint8Array, slotBytes: number, slots: number) {
    this.#bytes = bytes;
    this.#slotBytes = slotBytes;
    this.#places = new Int32Array(2 * slots);
    this.#mask = 2 * slots - 1;
  }

  /** Position of the slot with the id at `source[at..]`; -1 if there is none. */
  find(source: Uint8Array, at: number): number {
    const hash = hashOf(source, at);
    for (let place = hash & this.#mask; ; place = (place + 1) & this.#mask) {
      const found = this.#places[place] ?? 0;
      if (found === 0) return -1;
      if (((found ^ hash) & ~this.#mask) !== 0) continue;
      const position = (found & this.#mask) - 1;
      if (isSameId(this.#bytes, position * this.#slotBytes, source, at)) return position;
    }
  }

  /** Adds the slot's id, which must not be in the table yet. */
  add(position: number): void {
    const hash = this.#hashAt(position);
    let place = hash & this.#mask;
    while (this.#positionAt(place) !== -1) place = (place + 1) & this.#mask;
    this.#places[place] = (hash & ~this.#mask) | (position + 1);
  }

  /** Removes the slot's id; the slot must still hold the id with which it was added. */
  remove(position: number): void {
    let gap = this.#hashAt(position) & this.#mask;
    while (this.#positionAt(gap) !== position) gap = (gap + 1) & this.#mask;
    // Close the gap: later entries of the run may move up, but not before their home place.
    for (let place = (gap + 1) & this.#mask; ; place = (place + 1) & this.#mask) {
      const other = this.#positionAt(place);
      if (other === -1) break;
      const home = this.#hashAt(other) & this.#mask;
      if (((place - home) & this.#mask) >= ((place - gap) & this.#mask)) {
        this.#places[gap] = this.#places[place] ?? 0;
        gap = place;
      }
    }
    this.#places[gap] = 0;
  }

  #positionAt(place: number): number {
    return ((this.#places[place] ?? 0) & this.#mask) - 1;
  }

  #hashAt(position: number): number {
    return hashOf(this.#bytes, position * this.#slotBytes);
  }
}

/** 32 bits, signed. */
function hashOf(bytes: Uint8Array, at: number): number {
  let hash = SEED;
  for (let word = 0; word < ID_BYTES; word += 4) {
    hash = Math.imul(hash ^ readU32(bytes, at + word), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash, 0x85ebca6b);
  return hash ^ (hash >>> 13);
}

function isSameId(a: Uint8Array, atA: number, b: Uint8Array, atB: number): boolean {
  for (let step = 0; step < ID_BYTES; step += 1) {
    if (a[atA + step] !== b[atB + step]) return false;
  }
  return true;
}
