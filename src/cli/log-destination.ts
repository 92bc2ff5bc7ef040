/**
 * Writes the log lines of a process to a descriptor without blocking the event loop. Lines for which there is no room,
 * on a full disk or in a pipe that nobody reads, are dropped and counted; the next line that is written reports how
 * many.
 */
import { write as writeFile, writeSync } from 'node:fs';

/** As `fs.write`, of the whole buffer. */
export type WriteBytes = (fd: number, bytes: Buffer, done: (error: Error | null, written: number) => void) => void;

export interface LogDestinationOptions {
  readonly write?: WriteBytes;
  /** Characters that may wait for a blocked descriptor. Default 1 Mi. */
  readonly most?: number;
}

/** Lines that are written by one call. */
interface Batch {
  readonly bytes: Buffer;
  readonly lines: number;
  /** Number of dropped lines that its first line reports. */
  readonly unreported: number;
}

const MAX_WAITING_CHARS = 1024 * 1024;
/** Interval at which a full pipe is retried. */
const RETRY_MS = 50;
/** A write that takes longer hangs. Less than the time limit for the last lines of a process. */
const HANGS_MS = 500;

export class LogDestination {
  readonly #fd: number;
  readonly #write: WriteBytes;
  readonly #most: number;
  #waiting: string[] = [];
  #waitingChars = 0;
  /** What is being written. */
  #underWay: Batch | undefined;
  #whenIdle: (() => void)[] = [];
  #lost = 0;
  /** How many of the lost lines were reported in a line. */
  #reported = 0;
  /** Start (monotonic ms) of the write that has not returned; undefined: there is none. */
  #writeStartedMs: number | undefined;
  /** The last write ended in the middle of a line. */
  #isCut = false;

  constructor(fd: number, { write = writeWhole, most = MAX_WAITING_CHARS }: LogDestinationOptions = {}) {
    this.#fd = fd;
    this.#write = write;
    this.#most = most;
  }

  /** Lines that were dropped. */
  get lost(): number {
    return this.#lost;
  }

  /**
   * A write has not returned for long: the disk or pipe hangs. Any further access hangs too, and so does the exit of
   * the process, which waits for the thread that is in that write.
   */
  get hangs(): boolean {
    return this.#writeStartedMs !== undefined && performance.now() - this.#writeStartedMs > HANGS_MS;
  }

  /** `line` with its line end. */
  write(line: string): void {
    if (this.#waitingChars + line.length > this.#most) {
      this.#lost++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingChars += line.length;
    if (this.#underWay === undefined) this.#next();
  }

  /** Resolves when all lines are written or lost, or after `limitMs`. */
  async flush(limitMs: number): Promise<void> {
    if (this.#underWay === undefined) return;
    await new Promise<void>((resolve) => {
      const limit = setTimeout(resolve, limitMs);
      this.#whenIdle.push(() => {
        clearTimeout(limit);
        resolve();
      });
    });
  }

  /** For the exit of a process, which cannot wait: writes everything that is not being written yet. */
  flushSync(): void {
    if (this.#underWay !== undefined || this.#waiting.length === 0) return;
    try {
      writeSync(this.#fd, this.#take().bytes);
    } catch {
      // There is nowhere left to report it.
    }
  }

  #next(): void {
    if (this.#waiting.length === 0) {
      this.#underWay = undefined;
      for (const resolve of this.#whenIdle.splice(0)) resolve();
      return;
    }
    this.#put(this.#take());
  }

  #take(): Batch {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#waitingChars = 0;
    const unreported = this.#lost - this.#reported;
    const before = `${this.#isCut ? '\n' : ''}${unreported > 0 ? notice(unreported) : ''}`;
    this.#isCut = false;
    return { bytes: Buffer.from(before + lines.join('')), lines: lines.length, unreported };
  }

  #put(piece: Batch): void {
    const { bytes, lines, unreported } = piece;
    this.#underWay = piece;
    this.#writeStartedMs = performance.now();
    this.#write(this.#fd, bytes, (error, written) => {
      this.#writeStartedMs = undefined;
      if (error === null && written === bytes.length) {
        this.#isCut = false;
        this.#reported += unreported;
      }
      const rest = { bytes: bytes.subarray(error === null ? written : 0), lines, unreported };
      if (error === null && rest.bytes.length === 0) this.#next();
      else if (error === null) {
        this.#isCut = true;
        this.#put(rest);
      } else if (isBusy(error))
        setTimeout(() => {
          this.#put(rest);
        }, RETRY_MS).unref();
      else {
        this.#lost += lines;
        this.#next();
      }
    });
  }
}

const writeWhole: WriteBytes = (fd, bytes, done) => {
  writeFile(fd, bytes, 0, bytes.length, null, done);
};

const isBusy = (error: Error): boolean => 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY');

const notice = (lost: number): string =>
  `${JSON.stringify({ level: 40, time: Date.now(), lost, msg: 'log lines were lost' })}\n`;
