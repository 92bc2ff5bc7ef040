/**
 * Row `scan`: a million keys read in order as lines of JSON, on a cluster of its own, beside a plain scan of as many
 * rows in order of their keys by better-sqlite3 in one process; in turn.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type Context, freeBytes } from './context.js';
import { KvorumCluster, putBatch } from './kvorum.js';
import { median } from './latencies.js';
import type { Options } from './options.js';
import type { HttpDriver } from './target.js';
import { MAX_BATCH_OPERATIONS } from '../../src/shard/index.js';
import { type AnswerMark, type HttpRequest, valueOf } from './workload.js';

export interface ScanResult {
  readonly keys: number;
  readonly valueBytes: number;
  /** Keys per second. */
  readonly kvorum: number;
  readonly sqlite: number;
  readonly rounds: { readonly kvorum: readonly number[]; readonly sqlite: readonly number[] };
}

const PREFIX = 'scan/';
const LOADING_CLIENTS = 8;
/** Puts in a request. */
const BATCH = MAX_BATCH_OPERATIONS;
/** Requests that are made at a time: some 15 MB. */
const PIECE = 50_000;
/** A node keeps a value in its journal and in its rows; all nodes and SQLite share the disk. */
const ROOM_FACTOR = 16;

/** Why there is no room for it; undefined: there is. */
export function scanLacksRoom({ scanKeys, valueBytes }: Options, { folder }: Context): string | undefined {
  const room = scanKeys * valueBytes * ROOM_FACTOR;
  return room < freeBytes(folder)
    ? undefined
    : `scan: ${scanKeys} keys need ${room} bytes on the disk; see --scan-keys`;
}

/** @throws Error if a stream is not complete, or a load fails */
export async function measureScan(options: Options, context: Context, { own }: HttpDriver): Promise<ScanResult> {
  const { scanKeys: keys, valueBytes, rounds } = options;
  context.say(`scan: starting a cluster with ${keys.toLocaleString('en')} keys`);
  const cluster = await KvorumCluster.start(options, context);
  for (let first = 0; first < keys; first += PIECE) {
    for (const { requests, mark } of batchesOf(first, Math.min(keys, first + PIECE), valueBytes)) {
      await own.once([cluster.routerUrl, ...cluster.nodeUrls], LOADING_CLIENTS, requests, mark);
    }
  }
  const rows = await SqliteRows.start({ keys, valueBytes, folder: context.folder }, context);
  const rates: { kvorum: number[]; sqlite: number[] } = { kvorum: [], sqlite: [] };
  const measured = {
    kvorum: () => readAll(`${cluster.routerUrl}/v1/kv?prefix=${PREFIX}`, keys),
    sqlite: () => rows.scan(),
  };
  const order = ['kvorum', 'sqlite'] as const;
  for (let round = 1; round <= rounds; round++) {
    for (const name of round % 2 === 1 ? order : order.toReversed()) {
      const rate = (keys * 1_000) / (await measured[name]());
      rates[name].push(rate);
      context.say(`scan ${round}/${rounds} ${name}: ${Math.round(rate).toLocaleString('en')} keys/s`);
    }
  }
  await rows.end();
  await cluster.stop();
  return { keys, valueBytes, kvorum: median(rates.kvorum), sqlite: median(rates.sqlite), rounds: rates };
}

interface Batches {
  readonly requests: readonly HttpRequest[];
  readonly mark: AnswerMark;
}

/** Puts of the keys from `first` up to, not including, `end`: batches of one length, and a shorter one. */
export function batchesOf(first: number, end: number, valueBytes: number): Batches[] {
  const key = (number: number): string => `${PREFIX}${String(number).padStart(9, '0')}`;
  const batch = (from: number, length: number): HttpRequest =>
    putBatch.request(Array.from({ length }, (_, i) => ({ key: key(from + i), value: valueOf(from + i, valueBytes) })));
  const full = Math.floor((end - first) / BATCH);
  const rest = (end - first) % BATCH;
  const markOf = (times: number): AnswerMark => ({ ...putBatch.mark, times });
  const requests = Array.from({ length: full }, (_, i) => batch(first + i * BATCH, BATCH));
  const shorter = { requests: [batch(end - rest, rest)], mark: markOf(rest) };
  return [{ requests, mark: markOf(BATCH) }, ...(rest === 0 ? [] : [shorter])];
}

/** Reads a stream to its end. @returns ms @throws Error if it is not all of `keys`, or does not say so */
async function readAll(url: string, keys: number): Promise<number> {
  const startedAt = performance.now();
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { agent: false, headers: { Accept: 'application/x-ndjson' } }, resolve).on('error', reject);
  });
  const lines = new LineCount();
  for await (const chunk of answer as AsyncIterable<Buffer>) lines.add(chunk);
  const tookMs = performance.now() - startedAt;
  if (answer.statusCode !== 200) throw new Error(`the scan was answered by ${answer.statusCode ?? 0}: ${lines.last}`);
  const fault = scanFault(lines, keys);
  if (fault !== undefined) throw new Error(fault);
  return tookMs;
}

/** What a stream of `keys` keys lacks; undefined: it is complete. */
export function scanFault({ count, last }: Pick<LineCount, 'count' | 'last'>, keys: number): string | undefined {
  let end: unknown;
  try {
    end = JSON.parse(last);
  } catch {
    return `the scan broke off after ${count} lines`;
  }
  const { end: isEnd, count: said } = end as { end?: boolean; count?: number };
  if (isEnd !== true) return `the scan ended early: ${last}`;
  return said === keys && count === keys + 1
    ? undefined
    : `the scan has ${count - 1} keys and says ${said ?? 0}, not ${keys}`;
}

const NEW_LINE = 0x0a;

/** Counts lines that arrive in chunks, and keeps the last one. */
export class LineCount {
  count = 0;
  /** Pieces of the line that is last so far. */
  #tail: Buffer[] = [];

  add(chunk: Buffer): void {
    let lineAt = 0;
    let end = chunk.indexOf(NEW_LINE);
    for (; end !== -1 && end < chunk.length - 1; end = chunk.indexOf(NEW_LINE, lineAt)) {
      this.count++;
      lineAt = end + 1;
    }
    this.#tail = lineAt === 0 && !this.#isEnded ? [...this.#tail, chunk] : [chunk.subarray(lineAt)];
    if (end !== -1) this.count++;
  }

  /** Without its line break. */
  get last(): string {
    return Buffer.concat(this.#tail).toString().trimEnd();
  }

  get #isEnded(): boolean {
    return this.#tail.at(-1)?.at(-1) === NEW_LINE;
  }
}

export interface SqliteRowsJob {
  readonly folder: string;
  readonly keys: number;
  readonly valueBytes: number;
}

/** The process of `sqlite-scan-worker.ts`. */
class SqliteRows {
  readonly #ask: () => Promise<number>;
  readonly end: () => Promise<void>;

  private constructor(ask: () => Promise<number>, end: () => Promise<void>) {
    this.#ask = ask;
    this.end = end;
  }

  static async start(job: SqliteRowsJob, { cleanUp }: Context): Promise<SqliteRows> {
    const script = fileURLToPath(new URL('./sqlite-scan-worker.ts', import.meta.url));
    const child = fork(script, [JSON.stringify(job)], { execArgv: ['--import', 'tsx'] });
    const end = cleanUp.add('end the SQLite scan', () => {
      child.kill('SIGKILL');
    });
    const ended = once(child, 'exit').then(() => {
      throw new Error('the SQLite scan ended without a result');
    });
    ended.catch(() => undefined);
    const said = async (): Promise<number> => {
      const [tookMs] = (await Promise.race([once(child, 'message'), ended])) as [number];
      return tookMs;
    };
    await said();
    const ask = (): Promise<number> => {
      child.send('scan');
      return said();
    };
    return new SqliteRows(ask, async () => {
      await end();
    });
  }

  /** @returns ms */
  scan(): Promise<number> {
    return this.#ask();
  }
}
