/** Random UUIDs from the runtime's randomness, so that a simulation can repeat them. */
import { v4 } from 'uuid';

/** @param random in [0, 1) */
export function randomId(random: () => number): string {
  return v4({ random: Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)) });
}
