/** Files in a node's data folder that control the preloaded shim (scripts/slow-disk). */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const SYNC_FILE = 'slow-sync';
export const FULL_FILE = 'full-disk';
export const FAILED_FILE = 'failed-disk';
export const CLOCK_FILE = 'clock-offset';
/** Files in a node's folder that are not the node's. */
export const SHIM_FILES: readonly string[] = [SYNC_FILE, FULL_FILE, FAILED_FILE, CLOCK_FILE];

export const WITHOUT_SHIM = 'the cluster runs without the shim; start it with LD_PRELOAD (scripts/slow-disk)';

/** Replaced atomically: the shim may read it at any time. undefined: no file. */
export function sayToShim(dataDir: string, name: string, text: string | undefined): void {
  const path = join(dataDir, name);
  if (text === undefined) {
    rmSync(path, { force: true });
    return;
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.tmp`, `${text}\n`, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}
