/**
 * Small random histories of transactions for the comparison with brute force, as fast-check generates and shrinks them.
 *
 * Transactions are executed on plain lists at moments of their own. What may go wrong: a transaction does not happen at
 * one moment (it reads at one and appends at another, or operation by operation), a failed one happens all the same, and
 * a read is not true.
 */
import fc from 'fast-check';
import type { TransactionRecord } from '../../../src/check/index.js';

const WRONG_READS = ['shorter', 'empty', 'swapped', 'garbage', 'twice', 'other'] as const;

interface DraftOp {
  readonly append: boolean;
  readonly key: 'x' | 'y';
  readonly hidden: boolean;
  readonly wrong: (typeof WRONG_READS)[number] | undefined;
  /** When it happens, if the transaction is not atomic: 0 to 1 of its time. */
  readonly at: number;
}

interface Draft {
  readonly ops: readonly DraftOp[];
  readonly start: number;
  readonly length: number;
  readonly at: number;
  readonly ok: boolean | null;
  readonly happens: boolean;
  readonly atomicity: 'whole' | 'reads first' | 'none';
  /** How far the recorded times are from the true ones. */
  readonly skew: number;
}

/** @param corrupt whether something may be wrong. */
export function smallHistory(corrupt: boolean): fc.Arbitrary<TransactionRecord[]> {
  const often = <T>(usual: T, rare: fc.Arbitrary<T>, of: number): fc.Arbitrary<T> =>
    corrupt
      ? fc.oneof({ weight: of, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rare })
      : fc.constant(usual);
  const op = fc.record<DraftOp>({
    append: fc.boolean(),
    key: fc.constantFrom('x', 'y'),
    hidden: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    wrong: often<DraftOp['wrong']>(undefined, fc.constantFrom(...WRONG_READS), 12),
    at: fc.integer({ min: 0, max: 100 }).map((n) => n / 100),
  });
  const draft = fc.record<Draft>({
    ops: fc.array(op, { minLength: 1, maxLength: 4 }),
    start: fc.integer({ min: 0, max: 14 }),
    length: fc.integer({ min: 0, max: 7 }),
    at: fc.integer({ min: 0, max: 100 }).map((n) => n / 100),
    ok: fc.constantFrom(true, true, true, true, true, null, null, false),
    happens: fc.boolean(),
    atomicity: often<Draft['atomicity']>('whole', fc.constantFrom('reads first', 'none'), 1),
    skew: often(0, fc.integer({ min: -9, max: 9 }), 4),
  });
  return fc
    .tuple(fc.array(draft, { minLength: corrupt ? 3 : 1, maxLength: 6 }), often(false, fc.constant(true), 4))
    .map(([drafts, dirty]) => execute(drafts, dirty));
}

interface Event {
  readonly at: number;
  readonly draft: Draft;
  /** Of the operation in it. */
  readonly index: number;
  /** What it appends, if it does. */
  readonly element: number;
}

/** @param dirty whether those happen that are recorded not to have. */
function execute(drafts: readonly Draft[], dirty: boolean): TransactionRecord[] {
  const events = drafts.flatMap((draft, i) =>
    draft.ops.map((op, index): Event => ({ at: momentOf(draft, op), draft, index, element: 10 * i + index })),
  );
  // What happens at the same moment stays together, and in order.
  events.sort((a, b) => a.at - b.at || a.element - b.element);
  const lists: Record<string, number[]> = { x: [], y: [] };
  const done = new Map(drafts.map((draft) => [draft, [] as TransactionRecord['ops'][number][]]));
  for (const { draft, index, element } of events) {
    const { append, key, hidden, wrong } = draft.ops[index]!;
    const shared = draft.ok === true || (draft.ok === null ? draft.happens : dirty && draft.happens);
    const list = lists[key]!;
    if (append) {
      if (shared) list.push(element);
      done.get(draft)![index] = ['append', key, element];
    } else {
      const read = withOwn(list, draft, index, element - index);
      done.get(draft)![index] = ['r', key, hidden ? null : mistaken(read, wrong, element - 10)];
    }
  }
  return drafts.map((draft, client) => ({
    client,
    ops: done.get(draft)!,
    ok: draft.ok,
    start: draft.start + draft.skew,
    end: draft.start + draft.length + draft.skew,
  }));
}

/** A transaction sees its own appends up to an operation, and no later ones, whenever these reach the list. */
function withOwn(list: readonly number[], { ops }: Draft, index: number, first: number): number[] {
  const { key } = ops[index]!;
  const own = [...ops.keys()].filter((i) => i < index && ops[i]!.append && ops[i]!.key === key).map((i) => first + i);
  const seen = list.filter((element) => element < first || element >= first + 10 || own.includes(element));
  return [...seen, ...own.filter((element) => !seen.includes(element))];
}

function momentOf({ start, length, at, atomicity }: Draft, op: DraftOp): number {
  if (atomicity === 'none') return start + op.at * length;
  return start + (atomicity === 'reads first' && op.append ? 1 : at) * length;
}

function mistaken(list: number[], wrong: DraftOp['wrong'], element: number): number[] {
  switch (wrong) {
    case undefined:
      return list;
    case 'shorter':
      return list.slice(0, -1);
    case 'empty':
      return [];
    case 'swapped':
      return list.length < 2 ? list : [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];
    case 'garbage':
      return [...list, 99];
    case 'twice':
      return [...list, ...list.slice(-1)];
    case 'other':
      return [...list, element];
  }
}
