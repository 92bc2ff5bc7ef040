/**
 * Data folders: creates them durably, replaces small files in them atomically, and explains why one cannot be used.
 *
 * It does not use `mkdirSync` with `recursive`: on a read-only file system that reports that there is no such folder,
 * and on one that allows no folders, such as /proc, it never returns (Node 20).
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../failure.js';

/** False also if the path cannot be examined: creating the folder then fails for the same reason and reports it. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Creates the folder and its missing parents, for this user alone, durably: if a power cut loses a folder, its contents
 * are lost too. Returns the folders that it created, the deepest first.
 */
export function makeFolder(path: string): readonly string[] {
  if (isFolder(path)) return [];
  try {
    return makeOne(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
  }
  const above = makeFolder(dirname(path));
  try {
    return [...makeOne(path), ...above];
  } catch (error) {
    removeFolders(above);
    throw error;
  }
}

function makeOne(path: string): readonly string[] {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process has just created it.
    if (isFolder(path)) return [];
    throw error;
  }
  try {
    syncFolder(dirname(path));
    return [path];
  } catch (error) {
    removeFolders([path]);
    throw error;
  }
}

/** Removes those that are empty, to undo `makeFolder`. */
export function removeFolders(paths: readonly string[]): void {
  try {
    for (const path of paths) rmdirSync(path);
  } catch {
    // Another process uses it.
  }
}

/** Makes new or changed names in the folder durable. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Replaces the file's contents by `text` atomically, also under a power cut. Writes `temporary` beside it, which is
 * removed if that fails.
 */
export function writeAtomically(
  file: string,
  text: string,
  { temporary, write = writeFileSync }: { readonly temporary: string; readonly write?: typeof writeFileSync },
): void {
  try {
    write(temporary, text, { mode: 0o600 });
    const fd = openSync(temporary, 'r+');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(file));
}

const IN_WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'there is no room on its disk',
  EDQUOT: 'a quota of its disk is used up',
  EROFS: 'its file system is read-only',
  EACCES: 'this user has no permission',
  EPERM: 'this user has no permission',
  ENOTDIR: 'part of its path is not a folder',
  EEXIST: 'it is not a folder',
  ENOENT: 'no folder can be made there',
  ELOOP: 'its path has a loop of links',
  ENAMETOOLONG: 'its path is too long',
};

/** The error says that there is no space to write. */
export const isNoSpace = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(codeOf(error));

/** Why the folder cannot be used, in one line; undefined if the error is not one of the system about a folder. */
export function folderProblem(path: string, error: unknown): string | undefined {
  const code = codeOf(error);
  const words = IN_WORDS[code];
  return words === undefined ? undefined : `the data folder ${path} cannot be used: ${words} (${code})`;
}
