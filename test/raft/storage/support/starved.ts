/**
 * A process that exhausts its own file descriptors while its store is open, and writes to standard output how the store
 * behaves. Run under a small `ulimit -n` through tsx by `descriptors.test.ts`.
 */
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SqliteStorage, type Storage } from '../../../../src/raft/storage/index.js';
import { STATE_WAL_BYTES } from '../../../../src/raft/storage/state/state-db.js';
import { entry, meta, row } from './builders.js';

const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};
const directory = process.argv[2] ?? '';
const storage: Storage = new SqliteStorage({ directory });
await storage.open();
const commit = (index: number, bytes: number): Promise<void> =>
  storage.commit([{ group: 1, hardState: undefined, entries: [entry(index, 1, 'x'.repeat(bytes))] }]);
/** Different bytes every time: unchanged pages would not be written. */
const checkpoint = (round: number): Promise<void> =>
  storage.checkpoint([{ group: 1, meta: meta(2), rows: [row('k', String(round).repeat(STATE_WAL_BYTES / 4))] }]);

/** Opens files until there is no descriptor left. */
function useUp(): number[] {
  const held: number[] = [];
  try {
    for (;;) held.push(openSync('/dev/null', 'r'));
  } catch (error) {
    say(`used up: ${String((error as NodeJS.ErrnoException).code)}`);
    return held;
  }
}

const giveBack = (held: number[]): void => {
  for (const fd of held.splice(0)) closeSync(fd);
};

await commit(1, 10);
let held = useUp();
// Does not fit into what the journal has preallocated: it has to grow, with a rollback journal that has to be opened.
const stalls: (string | undefined)[] = [];
const stalled = new Promise<void>((resolve) => {
  storage.onStall((stall) => {
    stalls.push(stall?.reason);
    resolve();
  });
});
const waiting = commit(2, 4_000_000).then(() => stalls.push('durable'));
await stalled;
giveBack(held);
await waiting;
say(stalls.join());

// Several times the size at which the WAL of state.db is checkpointed, which needs a thread and an open file.
held = useUp();
for (let round = 0; round < 10; round++) {
  // Enough for the journal, which is truncated after each, and not for a thread.
  giveBack(held.splice(0, 2));
  await checkpoint(round);
  held.push(...useUp());
}
say(`log of state.db is bounded: ${statSync(join(directory, 'state.db-wal')).size < 3 * STATE_WAL_BYTES}`);
giveBack(held);
await commit(3, 10);
await storage.close();
say('closed');
