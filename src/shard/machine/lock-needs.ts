/** The keys that an entry reads and writes, as far as locks of transactions exclude it. */
import type { StateKey } from '../../raft/index.js';
import { binaryString } from '../big-endian.js';
import type { Program } from '../program.js';
import { commandLayoutOf, viewCommand, viewProgramCommand } from './command.js';
import type { LockSet } from './locks.js';
import { rangeToDelete } from './range-deletion.js';
import { rowKeyOf } from './row-keys.js';

export interface LockNeeds extends LockSet {
  /** A prepare: it keeps what it gets. Everything else takes effect at once. */
  readonly isLasting: boolean;
}

const NO_KEYS: ReadonlySet<StateKey> = new Set();
const NOTHING: LockNeeds = { shared: NO_KEYS, exclusive: NO_KEYS, isLasting: false };

/** @throws MalformedCommand */
export function lockNeedsOf(data: Uint8Array): LockNeeds {
  if (commandLayoutOf(data) === 'plain') {
    const { rowKeyAt, contentTypeAt } = viewCommand(data);
    return { ...NOTHING, exclusive: new Set([binaryString(data, rowKeyAt, contentTypeAt)]) };
  }
  const { kind, program, transaction } = viewProgramCommand(data);
  if (kind === 'program') return { ...locksOf(program), isLasting: false };
  if (kind === 'expire' || transaction.phase !== 'prepare') return NOTHING;
  return { ...locksOf(transaction.part.program), isLasting: true };
}

/** The keys that a program reads and writes, whichever of its lists runs. */
export function locksOf({ comparisons, then, otherwise }: Program): LockSet {
  const [first] = then;
  if (first?.type === 'delete-range') return { shared: NO_KEYS, exclusive: NO_KEYS, range: rangeToDelete(first) };
  let shared: Set<StateKey> | undefined;
  const exclusive = new Set<StateKey>();
  for (const { key } of comparisons) (shared ??= new Set()).add(rowKeyOf(key));
  for (const steps of [then, otherwise]) {
    for (const { type, key } of steps) (type === 'get' ? (shared ??= new Set()) : exclusive).add(rowKeyOf(key));
  }
  return { shared: shared ?? NO_KEYS, exclusive };
}
