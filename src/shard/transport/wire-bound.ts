/** The bound of a stale read on the wire, since version 3: `flags u8`, then `min_revision u48` (1), `max_staleness u48` (2). */
import { isStaleness } from '../bounds.js';
import type { Consistency, ReadBound } from '../operation.js';
import { WireError, type WireReader, type WireWriter } from './wire-buffer.js';

const HAS_REVISION = 1;
const HAS_STALENESS = 2;

export function writeBound(out: WireWriter, { minRevision, maxStalenessMs }: ReadBound = {}): void {
  out.u8((minRevision === undefined ? 0 : HAS_REVISION) | (maxStalenessMs === undefined ? 0 : HAS_STALENESS));
  if (minRevision !== undefined) out.u48(minRevision);
  if (maxStalenessMs !== undefined) out.u48(maxStalenessMs);
}

/** @throws WireError for a bound of a read that is not stale, or one that cannot be */
export function readBound(input: WireReader, consistency: Consistency): { readonly bound?: ReadBound } {
  const flags = input.flags(HAS_REVISION | HAS_STALENESS);
  if (flags === 0) return {};
  if (consistency !== 'stale') throw new WireError(`a bound of a ${consistency} read`);
  const minRevision = (flags & HAS_REVISION) === 0 ? undefined : input.u48();
  const maxStalenessMs = (flags & HAS_STALENESS) === 0 ? undefined : input.u48();
  if (maxStalenessMs !== undefined && !isStaleness(maxStalenessMs)) {
    throw new WireError(`a staleness of ${maxStalenessMs} ms`);
  }
  return {
    bound: {
      ...(minRevision !== undefined && { minRevision }),
      ...(maxStalenessMs !== undefined && { maxStalenessMs }),
    },
  };
}
