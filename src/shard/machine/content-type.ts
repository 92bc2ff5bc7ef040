/**
 * Reads content types from rows. Most rows of a shard have one of a few, so the string read last is reused if the bytes
 * are equal.
 */
import { binaryString } from '../big-endian.js';

let last = '';

/** The ASCII string at `from..to`. */
export function contentTypeAt(bytes: Uint8Array, from: number, to: number): string {
  if (!isLast(bytes, from, to)) last = binaryString(bytes, from, to);
  return last;
}

function isLast(bytes: Uint8Array, from: number, to: number): boolean {
  if (last.length !== to - from) return false;
  for (let at = from; at < to; at += 1) {
    if (last.charCodeAt(at - from) !== bytes[at]) return false;
  }
  return true;
}
