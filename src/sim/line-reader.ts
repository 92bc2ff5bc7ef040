/** The reader of a stream: takes a line, rests, and takes the next one; and what its lines say. */
import type { LineSink } from '../router/index.js';
import type { Random } from '../random.js';
import { recordText, type Revisions } from './range-oracle.js';
import type { Incarnation, Scheduler } from './scheduler.js';

/** Microtask turns from a line that was taken until the stream has asked for, or written, the next one. */
const STREAM_TURNS = 32;

export interface LineReaderOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Of the process that writes the stream. */
  readonly incarnation: Incarnation;
  /** The longest rest, ms. */
  readonly restMs: number;
}

export class LineReader implements LineSink {
  readonly #options: LineReaderOptions;
  readonly #lines: string[] = [];
  readonly #listeners = new Set<() => void>();
  #last: string | undefined;
  destroyed = false;

  constructor(options: LineReaderOptions) {
    this.#options = options;
  }

  /** Of items. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** How it ended; undefined: it did not, or was left before. */
  get ending(): StreamEnd | undefined {
    return this.#last === undefined ? undefined : endOf(this.#last);
  }

  write(line: Uint8Array): boolean {
    this.#lines.push(Buffer.from(line).toString());
    const { scheduler, random, incarnation, restMs } = this.#options;
    scheduler.after(random.between(0, restMs), incarnation, () => {
      this.#wake();
    });
    return false;
  }

  end(line: string): void {
    this.#last = line;
  }

  /** Both events wake the stream, which looks for itself. */
  on(_event: string, listener: () => void): void {
    this.#listeners.add(listener);
  }

  off(_event: string, listener: () => void): void {
    this.#listeners.delete(listener);
  }

  /** Reads no more. */
  leave(): void {
    this.destroyed = true;
    this.#wake();
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
    this.#options.scheduler.settles(STREAM_TURNS);
  }
}

export interface StreamEnd {
  readonly isWhole: boolean;
  readonly count: number | undefined;
  readonly revisions: Revisions | undefined;
  /** Where it would go on. */
  readonly rest: Uint8Array | undefined;
}

function endOf(line: string): StreamEnd {
  const { end, count, revisions, cursor } = JSON.parse(line) as {
    readonly end: boolean;
    readonly count?: number;
    readonly revisions?: Readonly<Record<string, number>>;
    readonly cursor?: string;
  };
  return {
    isWhole: end,
    count,
    revisions: revisions && new Map(Object.entries(revisions).map(([shard, revision]) => [Number(shard), revision])),
    rest: cursor === undefined ? undefined : Buffer.from(cursor, 'hex'),
  };
}

interface Line {
  readonly key: string;
  readonly prefix?: string;
  readonly value?: unknown;
  readonly value_base64?: string;
  readonly revision?: number;
  readonly create_revision?: number;
  readonly version?: number;
  readonly expires_at?: string;
}

/** A line as `range-oracle.ts` writes items. */
export function lineText(text: string): string {
  const line = JSON.parse(text) as Line;
  const { key, prefix, revision, create_revision: createRevision = 0, version = 0, expires_at: expiresAt } = line;
  if (prefix !== undefined) return `${prefix}…`;
  if (revision === undefined) return key;
  const { value_base64: base64 } = line;
  const body = base64 === undefined ? Buffer.from(JSON.stringify(line.value)) : Buffer.from(base64, 'base64');
  const expiresAtMs = expiresAt === undefined ? undefined : Date.parse(expiresAt);
  return recordText(key, { revision, createRevision, version, body, expiresAtMs });
}
