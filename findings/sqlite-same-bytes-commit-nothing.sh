#!/usr/bin/env bash
# SQLite: an UPDATE of a row to the bytes that it has writes nothing, and its transaction syncs nothing.
#
# `UPDATE t SET data = data` looks like the way to have a row written again: to its place on the disk after a sync that
# failed, or as a probe of whether the disk still takes writes. It reports one change and commits, also with
# synchronous=FULL, and not a byte leaves for the file, its journal or its log: other connections see no new version.
# It proves nothing and repairs nothing. The notes of release 3.24.0 name the saved writes a "low-level performance
# optimization only"; that there is then no transaction and no sync is not documented, and some guides say the contrary.
# `REPLACE` does write the same bytes, and so do two updates in one transaction, to other bytes of that length and back.
#
# Seen with better-sqlite3 12.11.1, in WAL and with a rollback journal; strace showed neither a write nor a sync.
# Fails if that changes. Needs node and npm.
#
# Output:
#   WAL: same: changes 1; nothing committed
#   WAL: other: changes 1; committed
#   WAL: replaced: changes 1; committed
#   WAL: there and back in one transaction: committed
#   DELETE: same: changes 1; nothing committed
#   DELETE: other: changes 1; committed
#   DELETE: replaced: changes 1; committed
#   DELETE: there and back in one transaction: committed
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# Where there is no binary for the platform it is compiled, which takes minutes.
npm init -y >/dev/null
npm install --no-audit --no-fund --silent better-sqlite3@12.11.1
cat > same.cjs <<'JS'
const Database = require('better-sqlite3');
const statements = {
  same: 'UPDATE t SET data = data WHERE id = 1',
  other: 'UPDATE t SET data = zeroblob(3000) WHERE id = 1',
  replaced: 'REPLACE INTO t SELECT id, data FROM t WHERE id = 1',
};
let stated = true;
for (const mode of ['WAL', 'DELETE']) {
  const db = new Database(`${mode}.db`);
  db.pragma(`journal_mode = ${mode}`);
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB)');
  db.prepare('INSERT INTO t VALUES (1, ?)').run(Buffer.alloc(3_000, 1));
  const reader = new Database(`${mode}.db`);
  // Changes whenever another connection has committed something to the file.
  const version = () => reader.pragma('data_version', { simple: true });
  const writes = (write) => {
    const before = version();
    write();
    return version() !== before;
  };
  const seen = {};
  for (const [name, sql] of Object.entries(statements)) {
    let changes;
    seen[name] = writes(() => (changes = db.prepare(sql).run().changes));
    console.log(`${mode}: ${name}: changes ${changes}; ${seen[name] ? 'committed' : 'nothing committed'}`);
    stated &&= changes === 1;
  }
  const put = db.prepare('UPDATE t SET data = ? WHERE id = 1');
  seen.thereAndBack = writes(
    db.transaction(() => [Buffer.alloc(3_000, 1), Buffer.alloc(3_000)].map((bytes) => put.run(bytes))),
  );
  console.log(`${mode}: there and back in one transaction: ${seen.thereAndBack ? 'committed' : 'nothing committed'}`);
  stated &&= !seen.same && seen.other && seen.replaced && seen.thereAndBack;
}
console.log(stated ? 'as stated: the same bytes commit nothing' : 'changed: see above');
process.exitCode = stated ? 0 : 1;
JS
echo "node $(node --version), SQLite $(node -p 'new (require("better-sqlite3"))(":memory:").prepare("SELECT sqlite_version()").pluck().get()')"
node same.cjs
