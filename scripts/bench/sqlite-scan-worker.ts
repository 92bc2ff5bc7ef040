/**
 * The process of `SqliteRows`: a table in order of its keys, read from first to last, key and value of each row, whenever
 * its parent asks. Argument: its job, as JSON.
 */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { SqliteRowsJob } from './scan.js';
import { valueOf } from './workload.js';

process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));

const { folder, keys, valueBytes } = JSON.parse(process.argv[2] ?? '') as SqliteRowsJob;
const database = new Database(join(folder, 'scan.db'));
database.pragma('journal_mode = WAL');
// Without rowid: rows lie in the order of their keys.
database.exec('CREATE TABLE kv (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID');
const insert = database.prepare('INSERT INTO kv VALUES (?, ?)');
database.transaction(() => {
  for (let key = 0; key < keys; key++) {
    insert.run(Buffer.from(`scan/${String(key).padStart(9, '0')}`), Buffer.from(valueOf(key, valueBytes)));
  }
})();
database.pragma('wal_checkpoint(TRUNCATE)');
const select = database.prepare('SELECT key, value FROM kv ORDER BY key');

process.on('message', () => {
  const startedAt = performance.now();
  let count = 0;
  let bytes = 0;
  for (const row of select.iterate() as IterableIterator<{ key: Buffer; value: Buffer }>) {
    count++;
    bytes += row.value.length;
  }
  if (count !== keys || bytes !== keys * valueBytes) throw new Error(`the scan has ${count} rows, not ${keys}`);
  process.send?.(performance.now() - startedAt);
});
process.send?.(0);
