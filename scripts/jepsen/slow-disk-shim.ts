/** The shim for disks and clocks, or a note of why a scene cannot have it. */
import { buildSlowDiskShim } from '../slow-disk/index.js';
import { SHIM_KINDS, type FaultKind } from './kinds.js';

/** Path of the shim; undefined if no kind needs it, or if it cannot be built; the reason is then put into `cannot`. */
export async function slowDiskShim(
  kinds: readonly FaultKind[],
  cannot: Map<FaultKind, string>,
): Promise<string | undefined> {
  if (!SHIM_KINDS.some((kind) => kinds.includes(kind))) return undefined;
  let reason = 'the shim cannot be built';
  const say = (message: string): void => {
    reason = message;
  };
  const shim = await buildSlowDiskShim({ say });
  if (shim === undefined) for (const kind of SHIM_KINDS) cannot.set(kind, reason);
  return shim;
}
