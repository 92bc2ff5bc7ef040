/**
 * The program under test: a copy of the built one, which may sync less. The product has no switch for that.
 *
 * The patched copy shows that the instrument can see: with synchronous=NORMAL SQLite does not sync its write-ahead log at a
 * commit, so a power cut must lose acknowledged writes.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Synchronous = 'FULL' | 'NORMAL';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Where SQLite is told how much to sync, in the built program. */
const PATCHED_FILE = 'dist/raft/storage/data-folder.js';
const PRAGMA = "db.pragma('synchronous = FULL')";

/**
 * Builds and copies it, so that nothing that is built during the run changes it. The result is the path of its command
 * line. @param place a folder of the script's own
 */
export function programWith(synchronous: Synchronous, place: string): string {
  execFileSync(process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.build.json')]);
  const copy = join(place, 'program');
  for (const path of ['dist', 'package.json']) cpSync(at(path), join(copy, path), { recursive: true });
  symlinkSync(at('node_modules'), join(copy, 'node_modules'));
  if (synchronous !== 'FULL') {
    const patched = join(copy, PATCHED_FILE);
    writeFileSync(patched, weakened(readFileSync(patched, 'utf8'), synchronous));
  }
  return join(copy, 'dist/cli.js');
}

/** @throws Error if the text does not set `synchronous` exactly once: then the patch no longer fits. */
export function weakened(text: string, synchronous: Synchronous): string {
  const parts = text.split(PRAGMA);
  if (parts.length !== 2) {
    throw new Error(
      `the patch for synchronous=${synchronous} no longer applies: ${PATCHED_FILE} has ${PRAGMA} ${parts.length - 1} times, not once`,
    );
  }
  return parts.join(PRAGMA.replace('FULL', synchronous));
}
