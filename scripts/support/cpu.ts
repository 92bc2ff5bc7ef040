/** CPU time, memory and disk writes of other processes, from /proc (Linux only). */
import { readFileSync } from 'node:fs';

/** Clock ticks per second in /proc/PID/stat; 100 on every Linux that Node runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** User and system time so far, in milliseconds; 0 for a process that is gone. See proc(5), fields 14 and 15. */
export const cpuMs = (pid: number): number => ticks(String(pid), 11);

/** The same for the children of this process that have ended, including their own children: fields 16 and 17. */
export const endedChildrenCpuMs = (): number => ticks('self', 13);

/**
 * Bytes that it caused to be written to disk; 0 for a process that is gone, or that this user may not inspect. The
 * kernel counts a page when it becomes dirty, so a page that is written twice before it reaches the disk counts once.
 */
export const writtenBytes = (pid: number): number => number(`/proc/${pid}/io`, /^write_bytes: (\d+)$/m);

/** Resident memory, in bytes. */
export const residentBytes = (pid: number): number => number(`/proc/${pid}/status`, /^VmRSS:\s+(\d+) kB$/m) * 1024;

function ticks(process: string, first: number): number {
  const stat = read(`/proc/${process}/stat`);
  // The second field is a name in parentheses and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[first] ?? 0) + Number(fields[first + 1] ?? 0)) * 1000) / TICKS_PER_SECOND;
}

const number = (path: string, pattern: RegExp): number => Number(pattern.exec(read(path))?.[1] ?? 0);

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
