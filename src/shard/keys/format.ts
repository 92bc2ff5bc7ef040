/**
 * The layout of encoded keys: type tags, escapes, limits.
 *
 * An encoding is a tag byte and a payload. Bytewise order of encodings is the order of keys: first by type, in the
 * order of the tags, then by value. Gaps between tags leave room for further types; a tag never changes its number,
 * because shards are chosen by hashing these bytes.
 *
 * | type      | payload                                                                                       |
 * |-----------|-----------------------------------------------------------------------------------------------|
 * | number, Date | IEEE 754 double, big-endian; sign bit flipped if positive, all bits flipped if negative    |
 * | bigint    | sign (0, 1, 2), then 16 bits of length and the magnitude, both complemented when negative      |
 * | string    | UTF-8; at the top as it is, inside another value with 00 → 00 FF, and 00 at the end            |
 * | bytes     | as string                                                                                      |
 * | array     | the elements, then 00                                                                          |
 * | object    | (name as inner string, value) in the order of the encoded names, then 00                       |
 * | Map, Set  | (key, value) or members in the order of their encodings, then 00                               |
 *
 * A key in a namespace is the tag `namespace`, the name in ASCII, 00, and the user's key (`../namespace.ts`).
 *
 * A string or bytes key at the top level is not escaped: its length ends it. So the keys that begin with `user:` are
 * those whose encoding begins with the encoding of `user:`. The empty string is encoded as the tag alone, and so are
 * empty bytes: every other key of the type begins with that and is longer, so they sort first, and no encoding is
 * empty.
 */
import { FORMATS } from '../formats.js';

/** `end` ends a collection or an inner string; it is below every tag, so that a shorter sequence sorts first. */
export const KeyTag = FORMATS.keyTag.numbers;

/** After 00 in an inner string: the 00 belongs to the string. It is above every tag, which preserves the order. */
export const ESCAPE = 0xff;

/** Nesting of arrays, objects, Maps and Sets in a key. */
export const MAX_KEY_DEPTH = 32;

export const BigintSign = { negative: 0, zero: 1, positive: 2 } as const;
