/**
 * The edges that follow from the versions of a key; every order of the transactions in which all reads are correct
 * respects them, and every order that respects them has all reads correct.
 *
 * - ww: each element's transaction comes before that of the next element, and that of the last element read before all
 *   whose elements nobody read.
 * - wr: the transaction of the last element that a read returned comes before it; those of the others follow by ww.
 * - rw: a read comes before the transaction of the first element that it did not return; a read that returned all that
 *   was ever read comes before all transactions whose elements nobody read. The latter are many to many, and go through
 *   an auxiliary node.
 *
 * A transaction that both read all and appended something unread comes after all other such readers and before all other
 * such writers: a second one of this kind is a lost update, whichever of the two came first.
 */
import { NONE, type Elements } from './elements.js';
import { Kind, type GraphBuilder } from './graph.js';
import type { Versions } from './versions.js';

/** Two transactions that read the same list and then both appended to it: what each appended. */
export interface LostUpdate {
  readonly transactions: readonly [number, number];
  readonly elements: readonly [number, number];
}

/** Adds a key's edges. @returns a lost update, if its unread elements show one. */
export function addDependencies(versions: Versions, elements: Elements, graph: GraphBuilder): LostUpdate | undefined {
  const { order, observations } = versions;
  const writerOf = (id: number): number => elements.writerOf[id] ?? NONE;
  const known = order.filter((id) => id !== NONE);
  for (const [i, id] of known.entries()) {
    const next = known[i + 1];
    if (next !== undefined) graph.add(writerOf(id), writerOf(next), Kind.ww, next);
  }
  const knownBefore = countKnown(order);
  const readers: number[] = [];
  for (const { transaction, before } of observations) {
    const count = knownBefore[before] ?? 0;
    const last = known[count - 1];
    if (last !== undefined) graph.add(writerOf(last), transaction, Kind.wr, last);
    const next = known[count];
    if (next !== undefined) graph.add(transaction, writerOf(next), Kind.rw, next);
    else readers.push(transaction);
  }
  const writers = unreadWriters(versions, elements);
  const last = known.at(-1);
  if (last !== undefined) for (const [writer, id] of writers) graph.add(writerOf(last), writer, Kind.ww, id);
  return addUnread(readers, writers, graph);
}

/** By position: how many elements before it are known. */
function countKnown(order: readonly number[]): Int32Array {
  const counts = new Int32Array(order.length + 1);
  for (const [i, id] of order.entries()) counts[i + 1] = (counts[i] ?? 0) + (id === NONE ? 0 : 1);
  return counts;
}

/** The transactions with unread elements, each with its first one. */
function unreadWriters({ unread }: Versions, { writerOf }: Elements): Map<number, number> {
  const writers = new Map<number, number>();
  for (const id of unread) {
    const writer = writerOf[id] ?? NONE;
    if (!writers.has(writer)) writers.set(writer, id);
  }
  return writers;
}

/** Every reader comes before every writer but itself. */
function addUnread(
  readers: readonly number[],
  writers: ReadonlyMap<number, number>,
  graph: GraphBuilder,
): LostUpdate | undefined {
  if (readers.length === 0 || writers.size === 0) return undefined;
  const [both, other] = readers.filter((reader) => writers.has(reader));
  if (both !== undefined && other !== undefined) {
    const elements = [writers.get(both) ?? NONE, writers.get(other) ?? NONE] as const;
    graph.add(both, other, Kind.rw, elements[1]);
    graph.add(other, both, Kind.rw, elements[0]);
    // That is a cycle already. The rest would need a path around each transaction of this kind.
    return { transactions: [both, other], elements };
  }
  const before = graph.node();
  for (const reader of readers) if (reader !== both) graph.add(reader, before, Kind.rw, NONE);
  let after = before;
  if (both !== undefined) {
    after = graph.node();
    graph.add(before, after, Kind.link, NONE);
    graph.add(before, both, Kind.link, writers.get(both) ?? NONE);
    graph.add(both, after, Kind.rw, NONE);
  }
  for (const [writer, id] of writers) if (writer !== both) graph.add(after, writer, Kind.link, id);
  return undefined;
}
