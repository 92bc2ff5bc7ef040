/**
 * File descriptors of this process: how many it may have, and how many of them clients may use up. A node that cannot
 * open a file or a link because clients hold all descriptors would end. Knows no server.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { DEFAULT_LIMITS } from './limits.js';

/** What the journal, the state and their side files, worker threads, links to peers and routers, and logs may need. */
const RESERVED = 192;
/** Where the limit is not known: what most systems give at least. */
const UNKNOWN_LIMIT = 1_024;

/** From the text of `/proc/self/limits`; undefined if it does not say. */
export function openFilesIn(limits: string): number | undefined {
  const soft = /^Max open files +(\d{1,15}|unlimited)/m.exec(limits)?.[1];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Infinity : Number(soft);
}

/** Descriptors that this process may have open (`ulimit -n`, as Node has raised it). */
export function maxOpenFiles(): number {
  try {
    return openFilesIn(readFileSync('/proc/self/limits', 'utf8')) ?? UNKNOWN_LIMIT;
  } catch {
    return UNKNOWN_LIMIT;
  }
}

/** Descriptors that are open now; undefined where the system does not tell. */
export function openFileCount(): number | undefined {
  try {
    // One of them is that of the folder itself.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

/** Client connections that leave enough for everything else; where there is little, no more than half goes to clients. */
export function maxClientConnections(openFiles: number): number {
  const left = Math.max(openFiles - RESERVED, Math.floor(openFiles / 2) - RESERVED / 4, 1);
  return Math.min(DEFAULT_LIMITS.maxConnections, left);
}
