#!/usr/bin/env bash
# better-sqlite3: in a new database `PRAGMA synchronous` says FULL after the switch to WAL, and NORMAL one statement later.
#
# better-sqlite3 is compiled with SQLITE_DEFAULT_WAL_SYNCHRONOUS=1 (docs/compilation.md says so): the default
# is NORMAL in WAL mode, with which a power cut takes the last commits. Not stated is when. In a file that this
# connection itself puts into WAL mode the setting still reads 2 (FULL), and becomes 1 with the next statement that uses
# the file; in one that is WAL already it reads 1 from the start. So a check at the start, `if (synchronous < 2) set it`,
# sets nothing exactly on the first start of a new database, and the commits of that whole process are not synced. Setting
# the value that it already reads is not redundant: then it stays, whether set before the switch or after it.
#
# Seen with better-sqlite3 12.11.1. Fails if that changes. Needs node and npm.
#
# Output:
#   new file: 2, then 1
#   the same, opened again: 1, then 1
#   new file, set to FULL if it is less: 2, then 1
#   new file, set to FULL before WAL: 2, then 2
#   new file, set to FULL after WAL: 2, then 2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# Where there is no binary for the platform it is compiled, which takes minutes.
npm init -y >/dev/null
npm install --no-audit --no-fund --silent better-sqlite3@12.11.1
cat > look.cjs <<'JS'
const Database = require('better-sqlite3');
const level = (db) => db.pragma('synchronous', { simple: true });
const open = (file, set = () => {}) => {
  const db = new Database(file);
  set(db, 'before');
  db.pragma('journal_mode = WAL');
  set(db, 'after');
  const looked = level(db);
  db.exec('CREATE TABLE IF NOT EXISTS t (a)');
  const then = level(db);
  db.close();
  return `${looked}, then ${then}`;
};
const at = (when) => (db, moment) => {
  if (moment === when) db.pragma('synchronous = FULL');
};
const seen = {
  'new file': open('a.db'),
  'the same, opened again': open('a.db'),
  'new file, set to FULL if it is less': open('b.db', (db) => {
    if (level(db) < 2) db.pragma('synchronous = FULL');
  }),
  'new file, set to FULL before WAL': open('c.db', at('before')),
  'new file, set to FULL after WAL': open('d.db', at('after')),
};
for (const [name, levels] of Object.entries(seen)) console.log(`${name}: ${levels}`);
const stated = Object.values(seen).join('; ') === '2, then 1; 1, then 1; 2, then 1; 2, then 2; 2, then 2';
console.log(stated ? 'as stated: it reads FULL at the look, and is NORMAL one statement later' : 'changed: see above');
process.exitCode = stated ? 0 : 1;
JS
echo "node $(node --version)"
node look.cjs
