/** The environment of an embedded cluster: clocks, and a disk per node. A parameter, so that tests can supply both. */
import { join } from 'node:path';
import { seededRandom } from '../random.js';
import {
  MemoryDisk,
  MemoryStorage,
  SqliteStorage,
  SqliteThread,
  systemRuntime,
  type Runtime,
  type Storage,
} from '../shard/index.js';
import type { CheckedOptions } from './options.js';

export interface EmbeddedHost {
  readonly runtime: Runtime;
  /** Storage over the disk of the node, numbered from 0, for its next incarnation. */
  readonly storage: (node: number) => Storage;
  /** Called once, when all storages are closed. */
  readonly closed: () => Promise<void>;
}

/** SQLite workers shared by all nodes of the process. */
const WORKERS = 2;

/** The environment of this process, with disks in memory or below `dataDir`. */
export function systemHost({ nodes, dataDir, seed }: CheckedOptions): EmbeddedHost {
  const runtime = systemRuntime(seed === undefined ? undefined : seededRandom(seed));
  if (dataDir === undefined) return memoryHost(runtime, nodes);
  const workers = Array.from({ length: Math.min(WORKERS, nodes) }, () => new SqliteThread());
  return {
    runtime,
    storage: (node) => {
      const worker = workers[node % workers.length];
      return new SqliteStorage({ directory: join(dataDir, `n${node + 1}`), ...(worker && { worker }) });
    },
    closed: async () => {
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}

function memoryHost(runtime: Runtime, nodes: number): EmbeddedHost {
  const disks = Array.from({ length: nodes }, () => new MemoryDisk());
  return {
    runtime,
    storage: (node) => {
      const disk = disks[node];
      if (disk === undefined) throw new RangeError(`there is no node ${node}`);
      return new MemoryStorage(disk, {
        nextTurn: () =>
          new Promise((resolve) => {
            runtime.defer(resolve);
          }),
      });
    },
    closed: () => Promise.resolve(),
  };
}
