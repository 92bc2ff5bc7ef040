import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, describe, expect, it } from 'vitest';
import { damagedFrame } from '../../../src/raft/storage/disk/wal-check.js';

const HEADER_BYTES = 32;
const FRAME_BYTES = 24 + 4096;
/** Larger files cannot be read into one buffer. */
const TWO_GIB = 2 ** 31;

const folder = mkdtempSync(join(tmpdir(), 'kvorum-wal-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Transactions of one frame and of several. */
function makeLog(): string {
  const db = new Database(join(folder, 'state.db'));
  db.pragma('page_size = 4096');
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE t(k INTEGER PRIMARY KEY, v BLOB)');
  for (let i = 0; i < 6; i++) db.prepare('INSERT INTO t VALUES (?, ?)').run(i, Buffer.alloc(i * 3_000, i));
  const log = join(folder, 'copy-wal');
  copyFileSync(join(folder, 'state.db-wal'), log);
  db.close();
  return log;
}

describe('a write-ahead log read in pieces', () => {
  const log = makeLog();
  const whole = readFileSync(log);
  const frames = Math.floor((whole.length - HEADER_BYTES) / FRAME_BYTES);

  it('detects a damaged frame wherever pieces end', () => {
    expect(frames).toBeGreaterThan(10);
    for (const pieceBytes of [1, 5_000, 3 * FRAME_BYTES + 17, whole.length]) {
      expect(damagedFrame(log, pieceBytes)).toBeUndefined();
      for (const frame of [1, 2, 5, frames - 6]) {
        const damaged = Buffer.from(whole);
        const at = HEADER_BYTES + (frame - 1) * FRAME_BYTES + 1_000;
        damaged.writeUInt8(damaged.readUInt8(at) ^ 4, at);
        const file = join(folder, 'damaged-wal');
        writeFileSync(file, damaged);
        expect(damagedFrame(file, pieceBytes)).toBe(frame);
      }
    }
    expect(damagedFrame(join(folder, 'nothing-wal'))).toBeUndefined();
  });

  it('may be longer than 2 GiB', () => {
    const file = join(folder, 'long-wal');
    copyFileSync(log, file);
    // The rest is a hole, like frames that were never written.
    truncateSync(file, TWO_GIB + 3 * FRAME_BYTES);
    expect(damagedFrame(file)).toBeUndefined();
  }, 60_000);
});
