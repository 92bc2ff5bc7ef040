/** Reads the creation time in an operation id. */
import { readU48 } from '../big-endian.js';

/**
 * Milliseconds since 1970 in the version 7 UUID (RFC 9562, section 5.7) at `at`; undefined for any other kind of id,
 * which contains no creation time.
 */
export function operationTimeMs(bytes: Uint8Array, at: number): number | undefined {
  const isV7 = (bytes[at + 6] ?? 0) >>> 4 === 7 && (bytes[at + 8] ?? 0) >>> 6 === 2;
  return isV7 ? readU48(bytes, at) : undefined;
}
