/** What all parts of a run share: a folder, what is to be taken away at the end, and where progress is told. */
import { mkdtempSync, realpathSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { CleanUp } from '../support/clean-up.js';

export interface Context {
  /** On the disk that is measured. Gone at the end. */
  readonly folder: string;
  readonly cleanUp: CleanUp;
  readonly say: (text: string) => void;
}

/** Says so on standard error. @param parent where the run's own folder is made; by default the system's for temporary files */
export function openContext(parent: string | undefined): Context {
  const startedAt = performance.now();
  const say = (text: string): void => {
    console.error(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(7)}  ${text}`);
  };
  const cleanUp = new CleanUp(say).onSignals();
  const folder = realpathSync(mkdtempSync(join(parent ?? tmpdir(), 'kvorum-bench-')));
  cleanUp.add(`delete ${folder}`, () => {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  if (isInMemory(folder)) say(`${folder} is in memory, not on a disk: choose another place with --dir`);
  return { folder, cleanUp, say };
}

/** See statfs(2): TMPFS_MAGIC and RAMFS_MAGIC. */
const MEMORY_FILE_SYSTEMS: readonly number[] = [0x0102_1994, 0x8584_58f6];

export const isInMemory = (folder: string): boolean => MEMORY_FILE_SYSTEMS.includes(statfsSync(folder).type);

/** Below the range that systems use for outgoing connections: free again after each restart. */
const candidates = (): number[] => Array.from({ length: 64 }, () => 20_000 + Math.floor(Math.random() * 12_000));

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  // One at a time: get-port remembers what it has given out.
  while (ports.length < count) ports.push(await getPort({ port: candidates(), host: '127.0.0.1' }));
  return ports;
}
