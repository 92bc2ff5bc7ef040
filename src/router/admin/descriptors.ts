/**
 * File descriptors of this process: how many it may have, and who may use them up. A node that cannot open a file or a
 * link because clients hold all descriptors would end. The one place where they are counted. Knows no server.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { DEFAULT_LIMITS } from '../http/index.js';

/** Standard streams, two listening sockets, and of each of four threads what its event loop waits and is woken by: 28. */
const PROCESS = 32;
/** `lock.db`; `journal.db` and its rollback journal; `state.db`, its log and its index in memory, for writing and for reading. */
const STORAGE_FILES = 1 + 2 + 3 + 3;
/** `state.db` and its side files once more, while a snapshot is copied out of it, and while its log is copied back. */
const STORAGE_PASSING = 3 + 3;
/** Copies of large snapshots, one for each that is being sent; further ones wait until one can be opened. */
const MOST_SNAPSHOTS = 32;
/** Of each peer: the link, one dialled the other way at the same time, and one whose end has not been noticed. */
const LINKS_PER_PEER = 3;
/** Routers of their own, and strangers until they are refused; they get no more than a quarter of what is left for others. */
const MOST_ROUTERS = 256;
/** One in so many of these stays free of routers' links: a node has to come in to say that it is one. */
const STRANGERS_PART = 4;
/** What is open for a moment: `/proc` for the metrics, a folder that is synced, a module that is loaded late. */
const MARGIN = 16;
/** Where the limit is not known: what most systems give at least. */
const UNKNOWN_LIMIT = 1_024;

/** What a process will hold or open besides connections of clients. */
export interface DescriptorNeeds {
  /** Other nodes of the cluster, as far as they are known. */
  readonly peers: number;
  /** Of the node in this process; undefined: a router of its own, which has no files and is linked to by nobody. */
  readonly node: { readonly shards: number } | undefined;
}

export interface DescriptorShares {
  /** What clients never get. */
  readonly reserved: number;
  /** Connections that others may have to the peer port. */
  readonly peerConnections: number;
  /** Of those, links of routers. What is left is for nodes, and for whoever has not said yet what it is. */
  readonly routerLinks: number;
  /** Connections of clients. */
  readonly clientConnections: number;
  /** The limit does not even hold the reserve: the process works as long as it needs less. */
  readonly tooFew: boolean;
}

/** How so many descriptors are shared out. */
export function shareDescriptors(openFiles: number, { peers, node }: DescriptorNeeds): DescriptorShares {
  const links = peers * LINKS_PER_PEER;
  const snapshots = node === undefined ? 0 : Math.min(MOST_SNAPSHOTS, node.shards * peers);
  const files = node === undefined ? 0 : STORAGE_FILES + STORAGE_PASSING + snapshots;
  const own = PROCESS + files + links + MARGIN;
  const rest = Math.max(0, openFiles - own);
  const routers = node === undefined ? 0 : Math.min(MOST_ROUTERS, Math.floor(rest / 4));
  const reserved = own + routers;
  const left = openFiles - reserved - DEFAULT_LIMITS.spareConnections;
  return {
    reserved,
    peerConnections: links + routers,
    routerLinks: routers - Math.ceil(routers / STRANGERS_PART),
    clientConnections: Math.max(1, Math.min(DEFAULT_LIMITS.maxConnections, left)),
    tooFew: left < 1,
  };
}

/** From the text of `/proc/self/limits`; undefined if it does not say. */
export function openFilesIn(limits: string): number | undefined {
  const soft = /^Max open files +(\d{1,15}|unlimited)/m.exec(limits)?.[1];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Infinity : Number(soft);
}

let knownLimit: number | undefined;

/** Descriptors that this process may have open (`ulimit -n`, as Node has raised it at its start). */
export function maxOpenFiles(): number {
  // Kept: when it matters most the file that says so cannot be opened.
  knownLimit ??= readLimit();
  return knownLimit;
}

function readLimit(): number {
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
  } catch (error) {
    // None is left to look with.
    const isUsedUp = error instanceof Error && 'code' in error && error.code === 'EMFILE';
    return isUsedUp ? maxOpenFiles() : undefined;
  }
}
