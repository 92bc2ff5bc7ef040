/**
 * Finds 16-byte ids in a buffer of slots of equal size: a hash table with open addressing over the buffer itself. A Map
 * of strings would cost three times the time and memory, and load the garbage collector with its strings.
 *
 * A place has the hash of its id beside the position, so that going over the places of other ids does not touch their
 * slots: at a full table that would be most of the time, waiting for the processor's memory.
 *
 * The hash is seeded per process, because clients choose ids; no answer depends on it.
 */
import { randomBytes } from 'node:crypto';
import { readU32 } from '../big-endian.js';

const SEED = randomBytes(4).readInt32LE(0);
const ID_BYTES = 16;

/** Of a place: the hash of the id, and behind it the position of its slot plus 1, where 0 is empty. */
const PLACE_NUMBERS = 2;

export class DedupIndex {
  /** It has two places per slot, so it is never more than half full. */
  readonly #places: Int32Array;
  /** Of an index into `#places`. */
  readonly #mask: number;
  readonly #bytes: Uint8Array;
  readonly #slotBytes: number;

  /** `slots`: a power of two. The id of position p is at `p * slotBytes`. */
  constructor(bytes: Uint8Array, slotBytes: number, slots: number) {
    this.#bytes = bytes;
    this.#slotBytes = slotBytes;
    this.#places = new Int32Array(PLACE_NUMBERS * 2 * slots);
    this.#mask = PLACE_NUMBERS * 2 * slots - 1;
  }

  /** Position of the slot with the id at `source[at..]`; -1 if there is none. */
  find(source: Uint8Array, at: number): number {
    const hash = hashOf(source, at);
    for (let place = this.#homeOf(hash); ; place = this.#next(place)) {
      const position = this.#positionAt(place);
      if (position === -1) return position;
      if (this.#places[place] === hash && isSameId(this.#bytes, position * this.#slotBytes, source, at))
        return position;
    }
  }

  /** Adds the slot's id, which must not be in the table yet. */
  add(position: number): void {
    const hash = hashOf(this.#bytes, position * this.#slotBytes);
    let place = this.#homeOf(hash);
    while (this.#positionAt(place) !== -1) place = this.#next(place);
    this.#set(place, hash, position);
  }

  /** Removes the slot's id; the slot must still hold the id with which it was added. */
  remove(position: number): void {
    let gap = this.#homeOf(hashOf(this.#bytes, position * this.#slotBytes));
    while (this.#positionAt(gap) !== position) gap = this.#next(gap);
    // Close the gap: later entries of the run may move up, but not before their home place.
    for (let place = this.#next(gap); ; place = this.#next(place)) {
      const other = this.#positionAt(place);
      if (other === -1) break;
      const hash = this.#places[place] ?? 0;
      if (((place - this.#homeOf(hash)) & this.#mask) >= ((place - gap) & this.#mask)) {
        this.#set(gap, hash, other);
        gap = place;
      }
    }
    this.#set(gap, 0, -1);
  }

  #next(place: number): number {
    return (place + PLACE_NUMBERS) & this.#mask;
  }

  #positionAt(place: number): number {
    return (this.#places[place + 1] ?? 0) - 1;
  }

  #set(place: number, hash: number, position: number): void {
    this.#places[place] = hash;
    this.#places[place + 1] = position + 1;
  }

  #homeOf(hash: number): number {
    return Math.imul(hash, PLACE_NUMBERS) & this.#mask;
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
