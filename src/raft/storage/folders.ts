/**
 * Folders that are to hold data: made, and what to say where they cannot be used.
 *
 * Not `mkdirSync` with `recursive`: on a read-only file system that says that there is no such folder, and in one that
 * takes no folders, as /proc, it never returns (Node 20).
 */
import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './failure.js';

/** As far as can be seen: what is in the way of looking is in the way of making it, too, and is said then. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Makes the folder and those above it where need be, for this user alone; those that it made, the deepest first. */
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
    return [path];
  } catch (error) {
    // Somebody else has just made it.
    if (isFolder(path)) return [];
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
export const isNoRoom = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(codeOf(error));

/** Why the folder cannot be used, in one line; undefined if the error is not the system's word on a folder. */
export function whyUnusable(path: string, error: unknown): string | undefined {
  const code = codeOf(error);
  const words = IN_WORDS[code];
  return words === undefined ? undefined : `the data folder ${path} cannot be used: ${words} (${code})`;
}
