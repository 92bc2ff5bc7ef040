/**
 * What must be removed when this program ends in any way but SIGKILL: groups of processes, and folders that they write
 * in.
 *
 * They are registered in the turn that creates them: no signal is handled between two statements of one turn.
 */
import { rmSync } from 'node:fs';
import { messageOf } from '../../src/thrown.js';

const groups = new Set<number>();
const folders = new Set<string>();

/** A process that is being killed may still write, so that its folder is not empty at the first try. */
const REMOVAL = { recursive: true, force: true, maxRetries: 20, retryDelay: 50 } as const;
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export const trackFolder = (folder: string): unknown => folders.add(folder);
export const trackGroup = (pid: number): unknown => groups.add(pid);
/** The whole group has ended by itself. */
export const forgetGroup = (pid: number): unknown => groups.delete(pid);

export function removeFolder(folder: string): void {
  rmSync(folder, REMOVAL);
  folders.delete(folder);
}

export function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

process.on('exit', () => {
  // Processes first, since they write into the folders.
  for (const pid of groups) endGroup(pid);
  for (const folder of folders) {
    try {
      removeFolder(folder);
    } catch (error) {
      // A folder that cannot be removed must not keep the others.
      console.error(`could not remove ${folder}: ${messageOf(error)}`);
    }
  }
});
for (const [signal, code] of Object.entries(EXIT_CODES)) {
  // Not `once`: a second signal (npm sends one after the terminal's own) would end the program during the clean-up.
  process.on(signal, () => process.exit(code));
}
