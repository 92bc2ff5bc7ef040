/** Ranges of encoded keys. */
import { encodeKey } from './encoder.js';

/** The first byte of an encoded key is at least this; smaller ones are reserved, and no list shows them. */
export const FIRST_KEY: Uint8Array = Uint8Array.of(0x08);

/** The smallest key behind all that begin with `prefix`; undefined: there is none. */
export function prefixEndOf(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  if (length === 0) return undefined;
  // A copy: `slice` of a Buffer is a view.
  const end = Uint8Array.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] ?? 0) + 1;
  return end;
}

/**
 * The bytes with which every encoded key begins that has this prefix: text, bytes, or the first elements of an array.
 * @throws TypeError for any other value; otherwise as `encodeKey`
 */
export function prefixKey(prefix: unknown): Uint8Array {
  if (typeof prefix === 'string' || prefix instanceof Uint8Array) return encodeKey(prefix);
  if (!Array.isArray(prefix)) throw new TypeError('a prefix is text, bytes, or an array of first elements');
  // Without its end mark, an array is what every longer one begins with.
  return encodeKey(prefix).subarray(0, -1);
}

/** The smallest bound behind `key`: the key itself is before it, every larger one is not. */
export function behindKey(key: Uint8Array): Uint8Array {
  const bound = new Uint8Array(key.length + 1);
  bound.set(key);
  return bound;
}
