/** Builds entries and logs for tests, and turns their bytes into text and back. */
import { EntryKind, type Entry } from '../../../src/raft/index.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const bytes = (text: string): Uint8Array => encoder.encode(text);
export const text = (data: Uint8Array): string => decoder.decode(data);

export function command(index: number, term: number, data = `${index}@${term}`): Entry {
  return { index, term, kind: EntryKind.command, data: bytes(data) };
}

/** A log from its terms: `logOf([1, 1, 2])` is 1@1 2@1 3@2. Equal (index, term) have equal data, as in any valid log. */
export function logOf(terms: readonly number[], first = 1): Entry[] {
  return terms.map((term, offset) => command(first + offset, term));
}

export function sameEntry(a: Entry, b: Entry): boolean {
  return (
    a.index === b.index &&
    a.term === b.term &&
    a.kind === b.kind &&
    a.data.length === b.data.length &&
    a.data.every((byte, at) => byte === b.data[at])
  );
}
