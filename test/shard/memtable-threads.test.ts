/** A memtable over a state that another thread writes: rows in order are those of one applied index, at once or in a view. */
import { describe, expect, it } from 'vitest';
import type { RowPage, RowRange } from '../../src/raft/index.js';
import { EVERYTHING, NO_BOUNDS, SqliteStorage } from '../../src/raft/storage/index.js';
import { Memtable } from '../../src/shard/machine/memtable.js';
import { RowCache } from '../../src/shard/machine/row-cache.js';
import type { RowView } from '../../src/shard/machine/row-view.js';
import { Random } from '../../src/random.js';
import { freshFolder, meta, removeFoldersAfterEach } from '../raft/storage/support/builders.js';

const CHECKPOINTS = 30;
const ACCOUNTS = 1_500;
const TOTAL = ACCOUNTS * 100;
/** Accounts that are empty have no row. */
const keyOf = (account: number): string => `\0${account}`;

describe('accounts of which the sum never changes', () => {
  removeFoldersAfterEach();

  it(
    'have it in every read and every view, while checkpoints move them to the disk',
    { timeout: 120_000 },
    async () => {
      const storage = new SqliteStorage({ directory: freshFolder() });
      await storage.open();
      const table = new Memtable(storage, 1, new RowCache(1_000_000));
      const random = new Random(7);
      const balanceOf = (account: number): number => Number(Buffer.from(table.get(keyOf(account)) ?? []).toString());
      const setBalance = (account: number, balance: number): void => {
        if (balance === 0) table.delete(keyOf(account));
        else table.set(keyOf(account), Buffer.from(String(balance)));
      };
      for (let account = 0; account < ACCOUNTS; account++) setBalance(account, 100);
      const transfer = (): void => {
        const [from, to] = [random.integer(0, ACCOUNTS - 1), random.integer(0, ACCOUNTS - 1)];
        const amount = balanceOf(from);
        if (from === to) return;
        setBalance(to, balanceOf(to) + amount);
        setBalance(from, 0);
      };
      const sumOf = ({ rows }: RowPage): number =>
        rows.reduce((sum, [, value]) => sum + Number(Buffer.from(value).toString()), 0);

      /** Read a page in each turn, so that it lasts over checkpoints. */
      let open: { readonly view: RowView; rest: RowRange | undefined; sum: number } | undefined;
      let views = 0;
      const readView = (): void => {
        if (open?.rest === undefined) {
          if (open !== undefined) expect(open.sum).toBe(TOTAL);
          open?.view.close();
          views++;
          open = { view: table.openView(EVERYTHING), rest: { ...EVERYTHING, reverse: views % 2 === 0 }, sum: 0 };
        } else {
          const page = open.view.range(open.rest, { rows: 150, bytes: 100_000 });
          open.sum += sumOf(page);
          open.rest = page.rest;
        }
      };
      let turns = 0;
      for (let index = 1; index <= CHECKPOINTS; index++) {
        let isOver = false;
        const done = storage.checkpoint([{ group: 1, meta: meta(index), rows: table.seal() }]).finally(() => {
          isOver = true;
        });
        const goesOn = (): boolean => !isOver;
        while (goesOn()) {
          for (let i = 0; i < 20; i++) transfer();
          expect(sumOf(table.range({ ...EVERYTHING, reverse: turns % 2 === 0 }, NO_BOUNDS))).toBe(TOTAL);
          readView();
          turns++;
          await new Promise((resolve) => setImmediate(resolve));
        }
        await done;
        table.release();
      }
      // Several pages of a view were read while a checkpoint was written.
      expect([turns > 3 * CHECKPOINTS, views > 3]).toEqual([true, true]);
      await storage.close();
    },
  );
});
