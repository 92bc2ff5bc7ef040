/** What a checkpoint leaves to others: it prepares one group in a turn of the event loop, and large ones in several. */
import { describe, expect, it } from 'vitest';
import { SqliteStorage, type GroupCheckpoint, type StateRow } from '../../../src/raft/storage/index.js';
import { entry, freshFolder, meta, removeFoldersAfterEach, row } from './support/builders.js';
import { InlineWorker } from './support/inline-worker.js';

const GROUPS = [1, 2, 3];
const LARGE = 'x'.repeat(200_000);

describe('a checkpoint', () => {
  removeFoldersAfterEach();

  it('gives the event loop a turn between two groups, and between the parts of a large one', async () => {
    const storage = new SqliteStorage({ directory: freshFolder(), worker: new InlineWorker() });
    await storage.open();
    await storage.commit(GROUPS.map((group) => ({ group, hardState: undefined, entries: [entry(1)] })));
    let turns = 0;
    const seen: [what: string, turns: number][] = [];
    const look = (what: string): void => {
      seen.push([what, turns]);
      // Before any that the storage asks for in this turn.
      setImmediate(() => (turns += 1));
    };
    function* rowsOf(group: number): Generator<StateRow> {
      for (const key of group === 2 ? ['a', 'b', 'c', 'd'] : ['a']) {
        look(`row ${key} of group ${group}`);
        yield row(key, group === 2 ? LARGE : 'small');
      }
    }
    function* groups(): Generator<GroupCheckpoint> {
      for (const group of GROUPS) {
        look(`group ${group}`);
        yield { group, meta: meta(1), rows: rowsOf(group) };
      }
    }
    await storage.checkpoint(groups());
    const turnOf = (what: string): number => seen.find(([name]) => name === what)?.[1] ?? NaN;
    expect(turnOf('group 2')).toBeGreaterThan(turnOf('group 1'));
    expect(turnOf('group 3')).toBeGreaterThan(turnOf('group 2'));
    expect(turnOf('row d of group 2')).toBeGreaterThan(turnOf('row a of group 2'));
    await storage.close();
  });
});
