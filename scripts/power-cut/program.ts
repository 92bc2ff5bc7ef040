/**
 * The program under test: a copy of the build, which may sync less. The product has no switch for that.
 *
 * The patched copy shows that the test can detect losses: with synchronous=OFF SQLite syncs nothing when journal rows
 * are committed (all else unchanged), so a power cut must lose acknowledged writes.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Synchronous = 'FULL' | 'OFF';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Where the journal starts to commit in place, in the built program. */
const PATCHED_FILE = 'dist/raft/storage/journal/journal-db.js';
const TURN = 'const now = this.#db.pragma(`journal_mode = ${mode}`';
const WEAKENED = "this.#db.pragma(`synchronous = ${mode === 'MEMORY' ? 'OFF' : 'FULL'}`); ";

/**
 * Builds and copies it, so that no later build changes it during the run. Returns the path of its command line.
 * @param place a folder of the script's own
 */
export function programWith(synchronous: Synchronous, place: string): string {
  execFileSync(process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.build.json')]);
  const copy = join(place, 'program');
  for (const path of ['dist', 'package.json']) cpSync(at(path), join(copy, path), { recursive: true });
  symlinkSync(at('node_modules'), join(copy, 'node_modules'));
  if (synchronous !== 'FULL') {
    const patched = join(copy, PATCHED_FILE);
    writeFileSync(patched, weakened(readFileSync(patched, 'utf8')));
  }
  return join(copy, 'dist/cli.js');
}

/** @throws Error unless the text holds the place to be patched exactly once: then the patch no longer fits. */
export function weakened(text: string): string {
  const parts = text.split(TURN);
  if (parts.length !== 2) {
    throw new Error(
      `the patch for synchronous=OFF no longer applies: ${PATCHED_FILE} has ${TURN} ${parts.length - 1} times, not once`,
    );
  }
  return parts.join(WEAKENED + TURN);
}
