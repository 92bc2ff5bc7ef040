/**
 * A mark in the ids that routers make for writes without an `Idempotency-Key`. A router names such an id when the outcome
 * of the write is unknown; if the client comes back with it as its key, it must be told from a key of the client's own:
 * writes without keys push it out sooner.
 *
 * The last two of the 16 bytes are a checksum of the others. Of the ids that clients make, one in 65,536 bears the mark by
 * chance: it is refused where it may have been pushed out, although it cannot have been.
 */
import { OPERATION_ID_BYTES } from './bounds.js';

const MARK_AT = OPERATION_ID_BYTES - 2;

/** Writes the mark into the id, and returns it. */
export function markAsRouters(id: Uint8Array): Uint8Array {
  const mark = markOf(id, 0);
  id[MARK_AT] = mark >>> 8;
  id[MARK_AT + 1] = mark;
  return id;
}

/** Whether the id at `bytes[at..]` bears the mark. */
export function isRouters(bytes: Uint8Array, at: number): boolean {
  const mark = markOf(bytes, at);
  return bytes[at + MARK_AT] === mark >>> 8 && bytes[at + MARK_AT + 1] === (mark & 0xff);
}

/** FNV-1a, folded to 16 bits. */
function markOf(bytes: Uint8Array, at: number): number {
  let hash = 0x811c9dc5;
  for (let i = at; i < at + MARK_AT; i += 1) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 16)) & 0xffff;
}
