/**
 * Data folders: creates them durably, replaces small files in them atomically, and explains why one cannot be used.
 *
 * Not `mkdirSync` with `recursive`: on a read-only file system it reports that there is no such folder, and on one that
 * allows no folders, as /proc, it never returns (Node 20).
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

/** As far as can be seen: what is in the way of looking is in the way of making it, too, and is said then. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Makes the folder and those above it where need be, for this user alone, durably: what lies in a folder that a power cut
 * takes is gone with it. Gives those that it made, the deepest first.
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
    // Somebody else has just made it.
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

/** Those that are empty; for one who gives up what `makeFolder` made. */
export function removeFolders(paths: readonly string[]): void {
  try {
    for (const path of paths) rmdirSync(path);
  } catch {
    // Somebody else uses it.
  }
}

/** A name in the folder, new or of another file, is not on the disk before this. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * The file says `text`, or what it said before: whole, also after a power cut. Written as `temporary`, beside it, of which
 * nothing is left if that fails.
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

/** There is no room for what is to be written there. */
export const isNoSpace = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(codeOf(error));

/** Why the folder cannot be used, in one line; undefined if the error is not the system's word on a folder. */
export function folderProblem(path: string, error: unknown): string | undefined {
  const code = codeOf(error);
  const words = IN_WORDS[code];
  return words === undefined ? undefined : `the data folder ${path} cannot be used: ${words} (${code})`;
}
