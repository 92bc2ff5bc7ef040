/** Ranges of encoded keys. */

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

/** The smallest bound behind `key`: the key itself is before it, every larger one is not. */
export function behindKey(key: Uint8Array): Uint8Array {
  const bound = new Uint8Array(key.length + 1);
  bound.set(key);
  return bound;
}
