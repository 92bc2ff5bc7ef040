/** Builders for storage tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { EVERYTHING, NO_BOUNDS } from '../../../../src/raft/storage/row-range.js';
import type { Recovered, SnapshotReader, StateRow, Storage } from '../../../../src/raft/storage/storage.js';
import type { Entry, SnapshotMeta } from '../../../../src/raft/types.js';

export const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
export const text = (data: Uint8Array | undefined): string | undefined =>
  data === undefined ? undefined : Buffer.from(data).toString();

export const entry = (index: number, term = 1, data = `${index}@${term}`): Entry => ({
  index,
  term,
  kind: 1,
  data: bytes(data),
});

/** Entries `first ..= last`. */
export const entries = (first: number, last: number, term = 1): Entry[] =>
  Array.from({ length: last - first + 1 }, (_, i) => entry(first + i, term));

export const meta = (index: number, term = 1): SnapshotMeta => ({
  index,
  term,
  configuration: { voters: [1, 2, 3], votersOutgoing: [], learners: [4] },
});

export const row = (key: string, value: string | undefined): StateRow => [
  key,
  value === undefined ? undefined : bytes(value),
];

/** A group as `index@term` strings and the like, to be compared as a whole. */
export interface GroupView {
  readonly hardState: readonly [term: number, vote: number, commit: number];
  readonly snapshot: string;
  readonly log: readonly string[];
  readonly state: Readonly<Record<string, string>>;
}

export function viewOf(storage: Storage, recovered: Recovered): Record<number, GroupView> {
  const groups: Record<number, GroupView> = {};
  for (const [id, group] of recovered.groups) {
    const { term, vote, commit } = group.hardState;
    groups[id] = {
      hardState: [term, vote, commit],
      snapshot: `${group.snapshot.index}@${group.snapshot.term}`,
      log: group.entries.map((e) => `${e.index}@${e.term}=${text(e.data) ?? ''}`),
      state: stateOf(storage, id),
    };
  }
  return groups;
}

export function stateOf(storage: Storage, group: number): Record<string, string> {
  const { rows } = storage.range(group, EVERYTHING, NO_BOUNDS);
  return Object.fromEntries(rows.map(([key, value]) => [key, text(value) ?? '']));
}

export async function readChunks(reader: SnapshotReader, maxBytes: number): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const { data, done } = await reader.next(maxBytes);
    chunks.push(data);
    if (done) return chunks;
  }
}

/** The chunks of a snapshot with these rows. */
export async function stage(storage: Storage, group: number, chunks: readonly Uint8Array[]): Promise<void> {
  for (const [sequence, chunk] of chunks.entries()) await storage.stageChunk(group, sequence, chunk);
}

const folders: string[] = [];

/** A path in the temporary folder that does not exist yet and will not exist after the test. */
export function freshFolder(): string {
  const parent = mkdtempSync(join(tmpdir(), 'kvorum-storage-'));
  folders.push(parent);
  return join(parent, 'data');
}

export function removeFoldersAfterEach(): void {
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });
}
