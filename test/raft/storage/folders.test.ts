/** Data folders: created privately, with a one-line error for those that cannot be used. */
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder, removeFolders, folderProblem } from '../../../src/raft/storage/disk/folders.js';
import { SqliteStorage } from '../../../src/raft/storage/index.js';
import { freshFolder, removeFoldersAfterEach } from './support/builders.js';
import { InlineWorker } from './support/inline-worker.js';

const open = (directory: string): Promise<unknown> =>
  new SqliteStorage({ directory, worker: new InlineWorker() }).open();

describe('a data folder', () => {
  removeFoldersAfterEach();

  it('is created with its parents, private to this user, and can be released', () => {
    const folder = freshFolder();
    const deepest = join(folder, 'a', 'b');
    const made = makeFolder(deepest);
    expect(made.slice(0, 3)).toEqual([deepest, join(folder, 'a'), folder]);
    expect(statSync(deepest).mode & 0o777).toBe(0o700);
    expect(makeFolder(deepest)).toEqual([]);
    writeFileSync(join(folder, 'else'), '');
    removeFolders(made);
    expect([existsSync(join(folder, 'a')), existsSync(folder)]).toEqual([false, true]);
  });

  it('that cannot be created leaves no parents behind, and the error names the obstacle', async () => {
    const folder = freshFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, 'file'), '');
    const tooLong = join(folder, 'a', 'x'.repeat(300));
    await expect(open(tooLong)).rejects.toMatchObject({
      name: 'StorageFailure',
      message: `the data folder ${tooLong} cannot be used: its path is too long (ENAMETOOLONG)`,
    });
    expect(existsSync(join(folder, 'a'))).toBe(false);
    await expect(open(join(folder, 'file'))).rejects.toThrow(/cannot be used: it is not a folder \(EEXIST\)$/);
    await expect(open(join(folder, 'file', 'a'))).rejects.toThrow(/: part of its path is not a folder \(ENOTDIR\)$/);
  });

  it('with a damaged file names it; for the lock the error says to remove only that', async () => {
    const folder = freshFolder();
    mkdirSync(folder);
    const put = (name: string): string => {
      const file = join(folder, name);
      writeFileSync(file, 'garbage'.repeat(1_000));
      return file;
    };
    const lock = put('lock.db');
    await expect(open(folder)).rejects.toMatchObject({
      name: 'StorageFailure',
      message: `${lock} is damaged. It holds nothing of value: remove this file alone and start again`,
    });
    rmSync(lock);
    for (const name of ['journal.db', 'state.db']) {
      const file = put(name);
      const error: unknown = await open(folder).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: 'StorageCorruption' });
      expect(String(error)).toContain(`${file}: file is not a database (SQLITE_NOTADB). Nothing was changed.`);
      rmSync(file);
    }
  });

  it('in /proc is refused at once', async () => {
    if (process.platform !== 'linux') return;
    await expect(open('/proc/no-folder')).rejects.toThrow(/no folder can be made there \(ENOENT\)$/);
  });

  it('is not blamed for other errors', () => {
    expect(folderProblem('/a', new Error('a defect'))).toBeUndefined();
    expect(folderProblem('/a', Object.assign(new Error('text'), { code: 'EMFILE' }))).toBeUndefined();
  });
});
