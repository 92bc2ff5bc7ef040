/**
 * Log files of the nodes of a local cluster: `logs/n1.log` and so on below the data folder, JSON lines, as the node
 * wrote them. A file is rotated at its size limit, and one earlier one is kept. Lines for which there is no room are
 * dropped.
 */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { LogDestination } from './log-destination.js';

/** Size of one file; with the earlier one a node has twice as much. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Time limit for the earlier file; lines not written by then are lost. */
const CLOSE_MS = 5_000;
const FOLDER = 'logs';

export const logFolder = (dataDir: string): string => join(dataDir, FOLDER);

export class NodeLog {
  readonly path: string;
  readonly #mostBytes: number;
  readonly #earlier: string;
  #fd: number | undefined;
  #destination: LogDestination | undefined;
  #bytes = 0;
  /** Lines lost in files that were rotated. */
  #lostEarlier = 0;

  /** @throws the file system's error if the file cannot be opened */
  constructor(dataDir: string, name: string, mostBytes = MAX_BYTES) {
    mkdirSync(logFolder(dataDir), { recursive: true, mode: 0o700 });
    this.path = join(logFolder(dataDir), `${name}.log`);
    this.#earlier = join(logFolder(dataDir), `${name}.1.log`);
    this.#mostBytes = mostBytes;
    this.#open();
  }

  /** Lines that were dropped. */
  get lost(): number {
    return this.#lostEarlier + (this.#destination?.lost ?? 0);
  }

  /** @param line without its line end */
  write(line: string): void {
    if (this.#bytes + line.length >= this.#mostBytes) this.#rotate();
    this.#bytes += line.length + 1;
    this.#destination?.write(`${line}\n`);
  }

  /** Resolves when all lines are written or lost, or after `limitMs`. */
  async close(limitMs: number): Promise<void> {
    const [destination, fd] = [this.#destination, this.#fd];
    this.#destination = undefined;
    this.#fd = undefined;
    await destination?.flush(limitMs);
    this.#lostEarlier += destination?.lost ?? 0;
    if (fd !== undefined) closeSync(fd);
  }

  #open(): void {
    this.#fd = openSync(this.path, 'a', 0o600);
    this.#bytes = fstatSync(this.#fd).size;
    this.#destination = new LogDestination(this.#fd);
  }

  /** Starts another file. If that fails, this one is continued: a log that is too long is better than none. */
  #rotate(): void {
    const [fd, destination] = [this.#fd, this.#destination];
    this.#bytes = 0;
    try {
      renameSync(this.path, this.#earlier);
      this.#open();
    } catch {
      return;
    }
    if (fd === undefined) return;
    // What waits for the earlier file is still written there.
    void destination?.flush(CLOSE_MS).then(() => {
      this.#lostEarlier += destination.lost;
      closeSync(fd);
    });
  }
}
