/**
 * The memory and files that the two threads of a node share: the request queue, which delivers every request complete
 * and in order, also where its counters wrap; and state.db, which one thread reads while the other writes checkpoints.
 *
 * The journal needs none of this: its slots, and which of them are free, are known in the storage thread alone.
 */
import { describe, expect, it } from 'vitest';
import { EVERYTHING, NO_BOUNDS, SqliteStorage } from '../../../src/raft/storage/index.js';
import type { RowRange, StateView } from '../../../src/raft/storage/index.js';
import { entries, freshFolder, meta, removeFoldersAfterEach, row, text } from './support/builders.js';
import { hammer } from './support/queue-load.js';

/** `KVORUM_HAMMER` runs more. */
const COMMITS = Number(process.env['KVORUM_HAMMER'] ?? 2_000);

describe('the queue to the storage thread', () => {
  it.each([
    ['at the beginning', 0],
    ['where the sign of the counts changes', 2 ** 31 - 300],
    ['where the counts begin anew', 2 ** 32 - 300],
  ])('carries every commit as it is: %s', { timeout: 600_000 }, async (_, start) => {
    expect(await hammer(COMMITS, start)).toEqual({ taken: COMMITS, wrong: [], wrongs: 0 });
  });
});

describe('the state, read while checkpoints of it are written', () => {
  removeFoldersAfterEach();

  const GROUPS = [1, 2];
  /** With very many, the WAL is checkpointed meanwhile, by a thread of its own. */
  const CHECKPOINTS = Math.ceil(COMMITS / 100);
  /** Several slices of a checkpoint, between which the writing thread does other things. */
  const KEYS = Array.from({ length: 1_000 }, (_, i) => `k${i}`);

  it(
    'is that of one whole checkpoint of a group, and never an older one than before',
    { timeout: 600_000 },
    async () => {
      const storage = new SqliteStorage({ directory: freshFolder() });
      await storage.open();
      const seen = new Map(GROUPS.map((group) => [group, 0]));
      let looks = 0;
      /** The checkpoint whose rows are there. */
      const look = (group: number): number => {
        const { rows } = storage.range(group, EVERYTHING, NO_BOUNDS);
        const versions = new Set(rows.map(([, value]) => text(value)));
        const first = text(storage.read(group, KEYS[looks % KEYS.length] ?? ''));
        looks++;
        // One moment for all.
        expect(new Set(storage.readAll(group, KEYS).map(text)).size).toBe(1);
        expect([group, versions.size <= 1]).toEqual([group, true]);
        const [version = 0, later = 0] = [[...versions][0], first].map((value) => Number(value?.trimEnd() ?? 0));
        expect(version).toBeGreaterThanOrEqual(seen.get(group) ?? 0);
        expect(later).toBeGreaterThanOrEqual(version);
        seen.set(group, later);
        return later;
      };
      /** A view that is read a page at a turn: over several checkpoints, and of one alone. */
      let view: { readonly of: StateView; rest: RowRange | undefined; readonly values: string[] } | undefined;
      let viewed = 0;
      const readView = (group: number): void => {
        view ??= { of: storage.openView(group), rest: EVERYTHING, values: [] };
        if (view.rest !== undefined) {
          const page = view.of.range(view.rest, { rows: KEYS.length / 8, bytes: Infinity });
          for (const [, value] of page.rows) view.values.push(text(value) ?? '');
          view.rest = page.rest;
          return;
        }
        const { of, values } = view;
        expect(new Set(values).size).toBe(Math.min(1, values.length));
        expect([0, KEYS.length]).toContain(values.length);
        if (values.length > 0) viewed++;
        of.close();
        view = undefined;
      };
      for (let index = 1; index <= CHECKPOINTS; index++) {
        await storage.commit(GROUPS.map((group) => ({ group, hardState: undefined, entries: entries(index, index) })));
        const rows = KEYS.map((key) => row(key, String(index).padEnd(100)));
        let isOver = false;
        const done = storage.checkpoint(GROUPS.map((group) => ({ group, meta: meta(index), rows }))).finally(() => {
          isOver = true;
        });
        const goesOn = (): boolean => !isOver;
        while (goesOn()) {
          for (const group of GROUPS) look(group);
          readView(1);
          await new Promise((resolve) => setImmediate(resolve));
        }
        await done;
        expect(GROUPS.map(look)).toEqual(GROUPS.map(() => index));
      }
      await storage.close();
      // Most checkpoints were observed before they completed.
      expect(looks).toBeGreaterThan(CHECKPOINTS * 4);
      expect(viewed).toBeGreaterThan(0);
    },
  );
});
