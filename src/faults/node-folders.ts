/**
 * Mistakes of operators with data folders: emptied, copied, restored from a copy.
 *
 * Beside the folder of a node are the copy that is kept of it (`n1.kept`) and the one that a second process runs on
 * (`n1.copy`). Files of the shim (`shim-files.ts`) are not copied. Nothing may write to a folder meanwhile.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { SHIM_FILES } from './shim-files.js';

export class NodeFolders {
  readonly #dataDirs: readonly string[];

  /** @param dataDirs of nodes 1..N, in order */
  constructor(dataDirs: readonly string[]) {
    this.#dataDirs = dataDirs;
  }

  /** Deletes the folder's contents; the folder itself stays, since a disk may be mounted there. */
  async wipe(node: number): Promise<void> {
    const folder = this.#of(node);
    const entries = await readdir(folder);
    await Promise.all(entries.map((entry) => rm(join(folder, entry), { recursive: true, force: true })));
  }

  /** Replaces an earlier kept copy. */
  keep(node: number): Promise<void> {
    return copyTo(this.#of(node), this.#kept(node));
  }

  hasKept(node: number): boolean {
    return existsSync(this.#kept(node));
  }

  /** The kept copy stays, and can be used again. */
  async rollBack(node: number): Promise<void> {
    await this.wipe(node);
    await cp(this.#kept(node), this.#of(node), { recursive: true });
  }

  /** @returns where the copy is, for a second process of the node */
  async copy(node: number): Promise<string> {
    await copyTo(this.#of(node), this.#copy(node));
    return this.#copy(node);
  }

  removeCopy(node: number): Promise<void> {
    return rm(this.#copy(node), { recursive: true, force: true });
  }

  /** Removes everything beside the nodes' own folders. */
  async clear(): Promise<void> {
    const paths = this.#dataDirs.flatMap((_, index) => [this.#kept(index + 1), this.#copy(index + 1)]);
    await Promise.all(paths.map((path) => rm(path, { recursive: true, force: true })));
  }

  #of(node: number): string {
    const folder = this.#dataDirs[node - 1];
    if (folder === undefined) throw new RangeError(`there is no node ${node}`);
    return folder;
  }

  #kept(node: number): string {
    return `${this.#of(node)}.kept`;
  }

  #copy(node: number): string {
    return `${this.#of(node)}.copy`;
  }
}

async function copyTo(folder: string, target: string): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true, mode: 0o700 });
  const ofShim = (path: string): boolean => SHIM_FILES.some((name) => basename(path).startsWith(name));
  await cp(folder, target, { recursive: true, filter: (path) => !ofShim(path) });
}
