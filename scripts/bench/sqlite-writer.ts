/**
 * The process of `SqliteTarget`: one writer that commits rows as many programs would (write-ahead log,
 * synchronous=FULL, one row per commit). Argument: the folder of its database.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Latencies } from './latencies.js';
import type { SqliteJob, SqliteOutcome } from './ceilings.js';

/** Older rows are overwritten, as in a journal that is truncated. */
const MOST_ROWS = 512;

process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));

const database = new Database(join(process.argv[2] ?? '', 'ceiling.db'));
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
database.exec('CREATE TABLE journal (id INTEGER PRIMARY KEY, data BLOB NOT NULL)');
const insert = database.prepare('INSERT OR REPLACE INTO journal VALUES (?, ?)');

process.on('message', ({ seconds, bytes }: SqliteJob) => {
  const data = Buffer.alloc(bytes, 'x');
  const latencies = new Latencies();
  const startedAt = performance.now();
  const deadline = startedAt + seconds * 1_000;
  for (let now = startedAt; now < deadline;) {
    insert.run(latencies.count % MOST_ROWS, data);
    const later = performance.now();
    latencies.add(later - now);
    now = later;
  }
  const tookMs = performance.now() - startedAt;
  process.send?.({ commits: latencies.count, tookMs, ...latencies.percentiles() } satisfies SqliteOutcome);
});
