/** A new file name may be lost in a power cut until its folder is synced; a rename replaces the old file at once. */
import type * as realFs from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type * as ClusterFile from '../../../src/cli/cluster-file.js';
import type * as ClusterConfigFile from '../../../src/embedded/cluster-config.js';
import type * as StoreFiles from '../../../src/raft/storage/engine/store-files.js';
import { checkOptions } from '../../../src/embedded/options.js';
import { freshFolder, removeFoldersAfterEach } from './support/builders.js';

/** What is not on the disk yet: names in folders, and bytes of files. */
const pending = vi.hoisted(() => ({ names: new Set<string>(), bytes: new Set<string>(), faults: [] as string[] }));

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof realFs>();
  const paths = new Map<number, string>();
  const openSync: typeof fs.openSync = (path, flags, mode) => {
    const isNew = !fs.existsSync(path);
    const fd = fs.openSync(path, flags, mode);
    paths.set(fd, String(path));
    if (isNew) pending.names.add(String(path));
    return fd;
  };
  const writeFileSync: typeof fs.writeFileSync = (file, ...rest) => {
    const path = typeof file === 'number' ? (paths.get(file) ?? '') : (file as string);
    pending.bytes.add(path);
    if (!fs.existsSync(path)) pending.names.add(path);
    fs.writeFileSync(file, ...rest);
  };
  const fsyncSync: typeof fs.fsyncSync = (fd) => {
    fs.fsyncSync(fd);
    const path = paths.get(fd) ?? '';
    pending.bytes.delete(path);
    for (const name of pending.names) if (dirname(name) === path) pending.names.delete(name);
  };
  const renameSync: typeof fs.renameSync = (from, to) => {
    if (pending.bytes.has(String(from))) pending.faults.push(`${String(from)} was renamed before it was synced`);
    fs.renameSync(from, to);
    pending.names.delete(String(from));
    pending.names.add(String(to));
  };
  const mkdirSync = ((path: string, options?: object) => {
    pending.names.add(path);
    fs.mkdirSync(path, options);
  }) as typeof fs.mkdirSync;
  const closeSync: typeof fs.closeSync = (fd) => {
    paths.delete(fd);
    fs.closeSync(fd);
  };
  const wrapped = { ...fs, openSync, writeFileSync, fsyncSync, renameSync, mkdirSync, closeSync };
  return { ...wrapped, default: wrapped };
});

removeFoldersAfterEach();

let saveClusterRecord: typeof ClusterFile.saveClusterRecord;
let readOrCreateConfig: typeof ClusterConfigFile.readOrCreateConfig;
let openStoreFiles: typeof StoreFiles.openStoreFiles;
// Imported afresh, because test files share a process: modules loaded earlier use the real file system.
beforeAll(async () => {
  vi.resetModules();
  ({ saveClusterRecord } = await import('../../../src/cli/cluster-file.js'));
  ({ readOrCreateConfig } = await import('../../../src/embedded/cluster-config.js'));
  ({ openStoreFiles } = await import('../../../src/raft/storage/engine/store-files.js'));
});
afterAll(() => {
  vi.doUnmock('node:fs');
  vi.resetModules();
});
afterEach(() => {
  pending.names.clear();
  pending.bytes.clear();
  pending.faults.length = 0;
});

/** Asserts that what `work` did is durable when it returns. */
function expectDurable(work: () => void): void {
  for (const set of [pending.names, pending.bytes]) set.clear();
  work();
  expect({ names: [...pending.names], bytes: [...pending.bytes], faults: pending.faults }).toEqual({
    names: [],
    bytes: [],
    faults: [],
  });
}

describe('after a power cut', () => {
  it('the folder of a store, its parents, and its files are there', () => {
    const directory = join(freshFolder(), 'above', 'data');
    expectDurable(() => {
      const files = openStoreFiles(directory, undefined);
      files.journal.close();
      files.state.close();
      files.release();
    });
  });

  it('the config of an embedded cluster is there, complete', () => {
    const dataDir = join(freshFolder(), 'above', 'data');
    expectDurable(() => {
      readOrCreateConfig(checkOptions({ nodes: 3, dataDir }), 'first');
    });
  });

  it('the record of a local cluster is there, complete: the new one or the previous one', () => {
    const folder = dirname(freshFolder());
    const record = { version: 1, clusterId: 'c', nodes: 3, shards: 4, replicas: 3, ports: [] } as const;
    for (let i = 0; i < 2; i++) {
      expectDurable(() => {
        saveClusterRecord(folder, { ...record, ports: [] });
      });
    }
  });
});
