/** Contents of a data folder at one moment: copied while a store is open, as a crash would leave it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SqliteStorage } from '../../../../src/raft/storage/index.js';
import type { SqliteWorker } from '../../../../src/raft/storage/index.js';
import { freshFolder, viewOf } from './builders.js';
import type { GroupView } from './builders.js';
import { InlineWorker } from './inline-worker.js';

export type Files = Readonly<Record<string, Buffer>>;

/** Without the shared-memory file, which is recreated after a crash. */
const NAMES = ['journal.db', 'journal.db-journal', 'state.db', 'state.db-wal'];

export function takeFiles(directory: string): Files {
  const present = NAMES.filter((name) => existsSync(join(directory, name)));
  return Object.fromEntries(present.map((name) => [name, readFileSync(join(directory, name))]));
}

/** A new folder with these files. */
export function putFiles(files: Files): string {
  const directory = freshFolder();
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
}

export interface Start {
  readonly view: Record<number, GroupView>;
  readonly notices: readonly string[];
}

/** Opens a store in a folder, takes a view of it and closes it. */
export async function startIn(directory: string, worker: SqliteWorker = new InlineWorker()): Promise<Start> {
  const notices: string[] = [];
  const storage = new SqliteStorage({ directory, worker, onNotice: (notice) => notices.push(notice) });
  const recovered = await storage.open();
  const view = viewOf(storage, recovered);
  await storage.close();
  return { view, notices };
}

/** Starts a store from these files. */
export const startFrom = (files: Files): Promise<Start> => startIn(putFiles(files));

export function flipBit(content: Buffer, at: number, bit = 0): Buffer {
  const copy = Buffer.from(content);
  copy[at] = (copy[at] ?? 0) ^ (1 << bit);
  return copy;
}
