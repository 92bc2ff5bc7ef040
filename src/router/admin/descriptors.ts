/**
 * File descriptors of this process: how many it may open, and how they are shared out. A node that could not open a
 * file or a link because clients hold all descriptors would fail. The only place where they are counted.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { DEFAULT_LIMITS } from '../http/index.js';
import { MAX_PINNED_STATES } from '../../shard/index.js';

/** Standard streams, two listening sockets, and the epoll and wake-up descriptors of four threads: 28. */
const PROCESS = 32;
/**
 * `lock.db`; `journal.db` and its rollback journal; `state.db`, its WAL and its shared memory, for writing and for
 * reading.
 */
const STORAGE_FILES = 1 + 2 + 3 + 3;
/** `state.db` and its side files once more, while a snapshot is copied out of it, and during a WAL checkpoint. */
const STORAGE_TRANSIENT = 3 + 3;
/** For the views that streams read: `state.db` and its WAL once more; the shared memory is that of the process. */
const STORAGE_VIEWS = MAX_PINNED_STATES * 2;
/** Copies of large snapshots, one for each transfer; further transfers wait until one can be opened. */
const MAX_SNAPSHOTS = 28;
/** Per peer: the link, one dialled the other way at the same time, and one whose end has not been noticed. */
const LINKS_PER_PEER = 3;
/** Router processes, and unidentified connections; they get at most a quarter of what is left. */
const MAX_ROUTERS = 256;
/** One in this many is not for routers: a node's connection is unidentified until its hello. */
const UNIDENTIFIED_SHARE = 4;
/** Opened briefly: `/proc` for the metrics, a folder to sync, a module that is loaded late. */
const MARGIN = 16;
/** Where the limit is not known: a common default. */
const UNKNOWN_LIMIT = 1_024;

/** What a process opens besides client connections. */
export interface DescriptorNeeds {
  /** Other nodes of the cluster, as far as they are known. */
  readonly peers: number;
  /** Storage needs of the node in this process; undefined in a router process, which has no files and no peer port. */
  readonly node: { readonly shards: number } | undefined;
}

export interface DescriptorShares {
  /** Never used for clients. */
  readonly reserved: number;
  /** Incoming connections at the peer port. */
  readonly peerConnections: number;
  /** Those of them that routers may use. The rest is for nodes, and for connections before their hello. */
  readonly routerLinks: number;
  /** Client connections. */
  readonly clientConnections: number;
  /** The limit is below the reserve: the process works as long as it needs less. */
  readonly tooFew: boolean;
}

/** Divides `openFiles` descriptors. */
export function shareDescriptors(openFiles: number, { peers, node }: DescriptorNeeds): DescriptorShares {
  const links = peers * LINKS_PER_PEER;
  const snapshots = node === undefined ? 0 : Math.min(MAX_SNAPSHOTS, node.shards * peers);
  const files = node === undefined ? 0 : STORAGE_FILES + STORAGE_TRANSIENT + STORAGE_VIEWS + snapshots;
  const own = PROCESS + files + links + MARGIN;
  const rest = Math.max(0, openFiles - own);
  const routers = node === undefined ? 0 : Math.min(MAX_ROUTERS, Math.floor(rest / 4));
  const reserved = own + routers;
  const left = openFiles - reserved - DEFAULT_LIMITS.spareConnections;
  return {
    reserved,
    peerConnections: links + routers,
    routerLinks: routers - Math.ceil(routers / UNIDENTIFIED_SHARE),
    clientConnections: Math.max(1, Math.min(DEFAULT_LIMITS.maxConnections, left)),
    tooFew: left < 1,
  };
}

/** Parses the text of `/proc/self/limits`; undefined if the limit is not there. */
export function openFilesIn(limits: string): number | undefined {
  const soft = /^Max open files +(\d{1,15}|unlimited)/m.exec(limits)?.[1];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? Infinity : Number(soft);
}

let knownLimit: number | undefined;

/** The process's limit of open descriptors (`ulimit -n`, as raised by Node at its start). */
export function maxOpenFiles(): number {
  // Cached: when it matters most the file cannot be opened.
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

/** Open descriptors; undefined where the system has no /proc. */
export function openFileCount(): number | undefined {
  try {
    // One of them is for reading the folder itself.
    return readdirSync('/proc/self/fd').length - 1;
  } catch (error) {
    // None is left to read the folder with.
    const isUsedUp = error instanceof Error && 'code' in error && error.code === 'EMFILE';
    return isUsedUp ? maxOpenFiles() : undefined;
  }
}
