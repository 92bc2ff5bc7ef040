/**
 * The logs of the nodes of a local cluster, as files: `logs/n1.log` and so on below the data folder, JSON lines, of the level that a node logs at.
 *
 * Each file is followed by another when it has grown to its bound, and one earlier one is kept. What finds no room is
 * lost, as with every log here; that there is no file at all is said once, by whoever asks. Knows no node and no terminal.
 */
import { closeSync, fstatSync, mkdirSync, openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { LogDestination } from './log-destination.js';

/** Of one file; with the earlier one a node has at most twice as much. */
const MOST_BYTES = 16 * 1024 * 1024;
/** What the earlier file has not taken by then is lost. */
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
  /** Of files that were followed by others. */
  #lostEarlier = 0;

  /** @throws what the file system says when there can be no such file */
  constructor(dataDir: string, name: string, mostBytes = MOST_BYTES) {
    mkdirSync(logFolder(dataDir), { recursive: true, mode: 0o700 });
    this.path = join(logFolder(dataDir), `${name}.log`);
    this.#earlier = join(logFolder(dataDir), `${name}.1.log`);
    this.#mostBytes = mostBytes;
    this.#open();
  }

  /** Lines that nobody will ever read. */
  get lost(): number {
    return this.#lostEarlier + (this.#destination?.lost ?? 0);
  }

  /** `line` without its end. */
  write(line: string): void {
    if (this.#bytes + line.length >= this.#mostBytes) this.#begin();
    this.#bytes += line.length + 1;
    this.#destination?.write(`${line}\n`);
  }

  /** Resolves when all is written or lost, or after `limitMs`. */
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

  /** Another file. If there can be none, this one goes on: a log that is too long is better than none. */
  #begin(): void {
    const [fd, destination] = [this.#fd, this.#destination];
    this.#bytes = 0;
    try {
      renameSync(this.path, this.#earlier);
      this.#open();
    } catch {
      return;
    }
    if (fd === undefined) return;
    // What waits for the earlier one still goes there.
    void destination?.flush(CLOSE_MS).then(() => {
      this.#lostEarlier += destination.lost;
      closeSync(fd);
    });
  }
}
