/**
 * Where a process writes its log lines: a descriptor, beside the event loop, which never waits for it. What finds no room,
 * on a full disk or in a pipe that nobody reads, is lost and counted, and when lines get through again they say so.
 *
 * Knows lines of text, and no logger.
 */
import { write as writeFile, writeSync } from 'node:fs';

/** As `fs.write`, of the whole buffer. */
export type WriteBytes = (fd: number, bytes: Buffer, done: (error: Error | null, written: number) => void) => void;

export interface LogDestinationOptions {
  readonly write?: WriteBytes;
  /** Characters that may wait for a descriptor that takes none. Default 1 Mi. */
  readonly most?: number;
}

/** What is written in one go. */
interface Piece {
  readonly bytes: Buffer;
  readonly lines: number;
  /** How many lost ones its first line tells of. */
  readonly untold: number;
}

const MOST = 1024 * 1024;
/** A pipe that is full is tried again so much later. */
const RETRY_MS = 50;
/** Less than what a process gives its last lines. */
const HANGS_MS = 500;

export class LogDestination {
  readonly #fd: number;
  readonly #write: WriteBytes;
  readonly #most: number;
  #waiting: string[] = [];
  #waitingChars = 0;
  /** What is being written, and how many lines it is. */
  #underWay: Piece | undefined;
  #whenIdle: (() => void)[] = [];
  #lost = 0;
  /** How many of the lost ones a line has told of. */
  #told = 0;
  /** Since when (monotonic ms) the system has a piece that it has not answered for; undefined: it has none. */
  #givenAtMs: number | undefined;
  /** The last write ended within a line. */
  #isCut = false;

  constructor(fd: number, { write = writeWhole, most = MOST }: LogDestinationOptions = {}) {
    this.#fd = fd;
    this.#write = write;
    this.#most = most;
  }

  /** Lines that nobody will ever read. */
  get lost(): number {
    return this.#lost;
  }

  /**
   * The system has not come back from a write for long: what the descriptor leads to hangs. Who touches it now, hangs too,
   * and so does the end of the process, which waits for the thread that is in that write.
   */
  get hangs(): boolean {
    return this.#givenAtMs !== undefined && performance.now() - this.#givenAtMs > HANGS_MS;
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

  /** Resolves when all is written or lost, or after `limitMs`. */
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

  /** At the end of a process that cannot wait any more; for what nobody is writing yet. */
  flushSync(): void {
    if (this.#underWay !== undefined || this.#waiting.length === 0) return;
    try {
      writeSync(this.#fd, this.#take().bytes);
    } catch {
      // There is nobody left to be told.
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

  #take(): Piece {
    const lines = this.#waiting;
    this.#waiting = [];
    this.#waitingChars = 0;
    const untold = this.#lost - this.#told;
    const before = `${this.#isCut ? '\n' : ''}${untold > 0 ? notice(untold) : ''}`;
    this.#isCut = false;
    return { bytes: Buffer.from(before + lines.join('')), lines: lines.length, untold };
  }

  #put(piece: Piece): void {
    const { bytes, lines, untold } = piece;
    this.#underWay = piece;
    this.#givenAtMs = performance.now();
    this.#write(this.#fd, bytes, (error, written) => {
      this.#givenAtMs = undefined;
      if (error === null && written === bytes.length) {
        this.#isCut = false;
        this.#told += untold;
      }
      const rest = { bytes: bytes.subarray(error === null ? written : 0), lines, untold };
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
