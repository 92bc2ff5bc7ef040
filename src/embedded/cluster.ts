/**
 * The nodes behind an embedded store: their disks, the network between them, and one router that reaches them all.
 *
 * Nodes are numbered from 0 here and from 1 inside the cluster. Knows no keys or values beyond bytes.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { v5 as uuidv5 } from 'uuid';
import { MemoryDisk, MemoryStorage, SqliteStorage, SqliteWorker } from '../raft/index.js';
import { Dispatcher, RemoteBackend } from '../router/index.js';
import {
  MemoryNetwork,
  ROUTER_PEERS,
  ShardNode,
  loadHash,
  seededRandom,
  shardOfKey,
  silentLogger,
  systemRuntime,
  type ClusterPlan,
  type NodeStatus,
  type Operation,
  type Runtime,
  type ShardReply,
  type Storage,
} from '../shard/index.js';
import type { CheckedOptions } from './options.js';
import type { KeyLocation } from './store.js';

const NAMESPACE = '6ba7b812-9dad-11d1-80b4-00c04fd430c8';
/** SQLite workers shared by all nodes of the process. */
const WORKERS = 2;
const READY_POLL_MS = 10;

export interface EmbeddedNodeStatus {
  readonly node: number;
  readonly alive: boolean;
  /** Shards that it leads, and of which it holds a replica. */
  readonly leads: number;
  readonly replicas: number;
}

export interface ClusterStatus {
  readonly nodes: readonly EmbeddedNodeStatus[];
  readonly shards: number;
  readonly replicas: number;
  readonly shardsWithLeader: number;
}
