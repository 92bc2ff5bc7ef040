/**
 * Which transactions happened, and what each of them read of each key before its own appends.
 *
 * - An unknown transaction happened if one that happened read one of its appends. Its own reads count from then on, if
 *   they are recorded. All other unknown ones may be taken not to have happened: nothing that did happen depends on
 *   them, so an order with them stays correct when they are left out.
 * - Within a transaction, a read returns what was there before it, followed by its own appends so far. So the first read
 *   of a key determines what every later one must return, and only what stands before its own appends concerns others.
 */
import { NONE, type Elements } from './elements.js';
import type { Findings } from './findings.js';
import { formatList, formatScalar, nameOf, type Scalar, type TransactionRecord } from './transaction.js';

/** What one transaction read of one key. */
export interface Observation {
  readonly transaction: number;
  /** The longest list that it read. */
  readonly list: readonly Scalar[];
  /** How much of it was there before the transaction. */
  readonly before: number;
  /** The first element that it appended to the key itself; or NONE. */
  readonly own: number;
}

/** By index: 1 for every transaction that certainly happened. */
export function whichHappened(transactions: readonly TransactionRecord[], elements: Elements): Uint8Array {
  const happened = Uint8Array.from(transactions, ({ ok }) => (ok === true ? 1 : 0));
  const open = [...happened.keys()].filter((index) => happened[index] === 1);
  // The longest list of each key so far. Most lists begin equally: an element is looked up once, not once a read.
  const longest: (readonly Scalar[])[] = elements.keys.map(() => []);
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    for (const [op, key, list] of transactions[index]?.ops ?? []) {
      if (op === 'append' || list === null || list === undefined) continue;
      const keyId = elements.keyIds.get(key) ?? NONE;
      const known = longest[keyId] ?? [];
      for (let i = commonLength(list, known); i < list.length; i++) {
        const writer = elements.writerOf[elements.ids[keyId]?.get(list[i] ?? '') ?? NONE];
        if (writer === undefined || happened[writer] === 1) continue;
        happened[writer] = 1;
        open.push(writer);
      }
      if (list.length > known.length) longest[keyId] = list;
    }
  }
  return happened;
}

function commonLength(a: readonly Scalar[], b: readonly Scalar[]): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length++;
  return length;
}

/** Per key, the observations of all transactions that happened and do not contradict themselves. */
export function observe(
  transactions: readonly TransactionRecord[],
  elements: Elements,
  happened: Uint8Array,
  findings: Findings,
): Observation[][] {
  const byKey: Observation[][] = elements.keys.map(() => []);
  for (const [index, transaction] of transactions.entries()) {
    if (happened[index] !== 1) continue;
    for (const [key, { list, before, appended, contradiction }] of readsOf(transaction)) {
      const keyId = elements.keyIds.get(key) ?? NONE;
      if (contradiction !== undefined) {
        const text = `${nameOf(index)} ${contradiction}`;
        findings.add('internal', () => ({ text, transactions: [index] }));
      } else if (list !== undefined) {
        const own = appended[0] === undefined ? NONE : (elements.ids[keyId]?.get(appended[0]) ?? NONE);
        byKey[keyId]?.push({ transaction: index, list, before, own });
      }
    }
  }
  return byKey;
}

interface KeyReads {
  list: readonly Scalar[] | undefined;
  before: number;
  readonly appended: Scalar[];
  contradiction: string | undefined;
}

function readsOf({ ops }: TransactionRecord): Map<Scalar, KeyReads> {
  const byKey = new Map<Scalar, KeyReads>();
  for (const [op, key, value] of ops) {
    let reads = byKey.get(key);
    if (reads === undefined) {
      reads = { list: undefined, before: 0, appended: [], contradiction: undefined };
      byKey.set(key, reads);
    }
    if (op === 'append') reads.appended.push(value);
    else if (value !== null && value !== undefined) read(reads, key, value);
  }
  return byKey;
}

function read(reads: KeyReads, key: Scalar, list: readonly Scalar[]): void {
  const { list: known, appended } = reads;
  const before = list.length - appended.length;
  const itself = `read ${formatScalar(key)} as ${formatList(list)}`;
  if (before < 0 || appended.some((element, i) => list[before + i] !== element)) {
    reads.contradiction ??= `${itself}, after it had itself appended ${formatList(appended)}`;
    return;
  }
  if (known === undefined) reads.before = before;
  else if (before !== reads.before || !startsWith(list, known.slice(0, before))) {
    reads.contradiction ??= `${itself}, after it had read ${formatList(known)} itself`;
    return;
  }
  reads.list = list;
}

/** Whether `list` begins with all of `beginning`. */
export function startsWith(list: readonly Scalar[], beginning: readonly Scalar[]): boolean {
  return beginning.every((element, i) => list[i] === element);
}
