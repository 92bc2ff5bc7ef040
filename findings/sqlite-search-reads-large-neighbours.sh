#!/usr/bin/env bash
# SQLite: in a WITHOUT ROWID table a search for a small row reads large rows that are on its way, whole, each time.
#
# A search of an index tree compares its key with rows of the pages that it passes. Of a row that fits into a quarter of
# its page SQLite looks at the page alone. Of a larger one it reads the key from a copy of all of the row, its overflow
# pages included, although the key is at the front; and in builds with SQLITE_DIRECT_OVERFLOW_READ, which better-sqlite3
# is, it reads these pages from the file, past its cache, however often they were read before. Rows in interior pages
# are passed by all searches. So a few large rows among many small ones slow all reads and writes of the small ones, by
# how much depends on which rows happen to be where, and it changes as the tree grows. The documentation advises against
# large rows in such tables, for the pages that they fill; that they slow the search for others it does not say.
# An ordinary table with a unique index has only the indexed columns in that tree.
#
# Here: 20,000 rows of 300 bytes and 200 of 50,000 bytes; each small one is read by its key, after all were read once.
# Seen with better-sqlite3 12.11.1 on Linux (counts reads in /proc/self/io); fails if that changes. Needs node and npm.
#
# Output (times differ):
#   WITHOUT ROWID: 22.95 reads of the file and 40.4 µs for each row
#   ordinary table, unique index: 0.00 reads of the file and 2.1 µs for each row
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# Where there is no binary for the platform it is compiled, which takes minutes.
npm init -y >/dev/null
npm install --no-audit --no-fund --silent better-sqlite3@12.11.1
cat > neighbours.cjs <<'JS'
const { readFileSync } = require('node:fs');
const Database = require('better-sqlite3');
const SMALL = 20_000;
const EVERY = 100;
const reads = () => Number(/syscr: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))[1]);
const perRead = {};
for (const [name, end] of Object.entries({ 'WITHOUT ROWID': 'WITHOUT ROWID', 'ordinary table, unique index': '' })) {
  const db = new Database(`${end === '' ? 'with' : 'without'}.db`);
  db.exec(`CREATE TABLE t (k TEXT NOT NULL, v BLOB NOT NULL, PRIMARY KEY (k)) ${end}`);
  const put = db.prepare('INSERT INTO t VALUES (?, ?)');
  const keyOf = (n) => `k${String((n * 7_919) % SMALL).padStart(5, '0')}`;
  db.transaction(() => {
    for (let n = 0; n < SMALL; n++) {
      put.run(keyOf(n), Buffer.alloc(300));
      if (n % EVERY === 0) put.run(`${keyOf(n)}-large`, Buffer.alloc(50_000));
    }
  })();
  const get = db.prepare('SELECT v FROM t WHERE k = ?').pluck();
  // In one transaction: each alone begins with a look at the head of the file.
  const all = db.transaction(() => {
    for (let n = 0; n < SMALL; n++) if (get.get(keyOf(n)).length !== 300) throw new Error(`no ${keyOf(n)}`);
  });
  all();
  const [before, since] = [reads(), performance.now()];
  all();
  const [count, us] = [(reads() - before) / SMALL, ((performance.now() - since) * 1_000) / SMALL];
  perRead[end] = count;
  console.log(`${name}: ${count.toFixed(2)} reads of the file and ${us.toFixed(1)} µs for each row`);
}
const stated = perRead['WITHOUT ROWID'] > 5 && perRead[''] < 1;
console.log(stated ? 'as stated: small rows are found past large ones, which are read' : 'changed: see above');
process.exitCode = stated ? 0 : 1;
JS
echo "node $(node --version), SQLite $(node -p 'new (require("better-sqlite3"))(":memory:").prepare("SELECT sqlite_version()").pluck().get()')"
node neighbours.cjs
