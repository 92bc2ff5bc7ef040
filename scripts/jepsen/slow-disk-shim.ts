/** The shim for slow disks, or a note of why a scene cannot have it. Knows nothing of nodes. */
import { buildSlowDiskShim } from '../slow-disk/index.js';
import type { FaultKind } from './kinds.js';

/** Path of the shim; undefined if it cannot be built, with the reason put into `cannot`. */
export async function slowDiskShim(cannot: Map<FaultKind, string>): Promise<string | undefined> {
  let reason = 'the shim cannot be built';
  const say = (message: string): void => {
    reason = message;
  };
  const shim = await buildSlowDiskShim({ say });
  if (shim === undefined) cannot.set('slow-disk', reason);
  return shim;
}
