/** Appends bytes to a value of any type; an absent key counts as empty. */
import { tooLarge, type Faulty, type PatchBounds, type Patched } from './fault.js';

export function applyAppend(
  current: Uint8Array | undefined,
  bytes: Uint8Array,
  { valueBytes }: Pick<PatchBounds, 'valueBytes'>,
): Patched | Faulty {
  const length = (current?.length ?? 0) + bytes.length;
  if (length > valueBytes) return tooLarge(length, valueBytes);
  return { value: current === undefined ? bytes : Buffer.concat([current, bytes], length) };
}
