/**
 * The address of a running cluster's control API: `faults.json` in its data folder, which exists while the API listens.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

export const FAULTS_FILE = 'faults.json';

const schema = z.object({ url: z.string().regex(/^http:\/\/127\.0\.0\.1:\d+$/), pid: z.int().min(1) });

export type FaultsRecord = z.infer<typeof schema>;

export function writeFaultsFile(dataDir: string, record: FaultsRecord): void {
  const path = join(dataDir, FAULTS_FILE);
  writeFileSync(`${path}.tmp`, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

/** Also removes one that an earlier start could not remove itself. */
export function removeFaultsFile(dataDir: string): void {
  rmSync(join(dataDir, FAULTS_FILE), { force: true });
}

/** Undefined if there is none. The process that wrote it may have been killed since. @throws if it is damaged */
export function readFaultsFile(dataDir: string): FaultsRecord | undefined {
  const path = join(dataDir, FAULTS_FILE);
  try {
    return schema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${path} is damaged: start the cluster anew`, { cause: error });
  }
}
