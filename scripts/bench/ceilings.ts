/**
 * The two ceilings that Kvorum is compared with: what the runtime allows (`EchoTarget`), and the disk (`SqliteTarget`).
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Context } from './context.js';
import { type HttpDriver, HttpSide, type LoadOutcome, type Target } from './target.js';
import { kvorumApi } from './kvorum.js';
import type { Row } from './workload.js';

/** The ceiling of the runtime: one Node process that answers the same requests and does nothing else. */
export class EchoTarget implements Target {
  readonly name = 'echo';
  readonly nodePids: readonly number[] = [];
  readonly replicas = 1;
  readonly pids: readonly number[];
  readonly #side: HttpSide;

  private constructor(child: ChildProcess, url: string, driver: HttpDriver) {
    this.pids = [child.pid ?? 0];
    this.#side = new HttpSide([url], { ...kvorumApi, many: {} }, driver);
  }

  static async start({ cleanUp }: Context, driver: HttpDriver): Promise<EchoTarget> {
    const script = fileURLToPath(new URL('./echo-server.ts', import.meta.url));
    const child = fork(script, [String(driver.data.valueBytes)], { execArgv: ['--import', 'tsx'] });
    cleanUp.add('end the echo', () => {
      child.kill('SIGKILL');
    });
    const [port] = (await once(child, 'message')) as [number];
    return new EchoTarget(child, `http://127.0.0.1:${port}`, driver);
  }

  cannot(row: Row): string | undefined {
    return this.#side.cannot(row);
  }

  drive(row: Row, seconds: number): ReturnType<HttpSide['drive']> {
    return this.#side.drive(row, seconds);
  }
}

export interface SqliteJob {
  readonly seconds: number;
  /** Size in bytes of the one row in each transaction. */
  readonly bytes: number;
}

export interface SqliteOutcome {
  readonly commits: number;
  readonly tookMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/**
 * The ceiling of the disk: one SQLite writer that commits the same bytes, as many puts at a time as there are clients.
 * No store on SQLite that syncs every commit and has these puts in flight can do more on this disk.
 */
export class SqliteTarget implements Target {
  readonly name = 'sqlite';
  readonly replicas = 1;
  readonly pids: readonly number[];
  readonly #child: ChildProcess;
  readonly #valueBytes: number;

  constructor({ folder, cleanUp }: Context, valueBytes: number) {
    const script = fileURLToPath(new URL('./sqlite-writer.ts', import.meta.url));
    this.#child = fork(script, [folder], { execArgv: ['--import', 'tsx'] });
    this.pids = [this.#child.pid ?? 0];
    this.#valueBytes = valueBytes;
    cleanUp.add('end the SQLite writer', async () => {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
      this.#child.kill('SIGKILL');
      await once(this.#child, 'exit');
    });
  }

  get nodePids(): readonly number[] {
    return this.pids;
  }

  cannot({ operation }: Row): string | undefined {
    return operation === 'put' ? undefined : 'measures puts only';
  }

  async drive({ clients }: Row, seconds: number): Promise<LoadOutcome> {
    const job: SqliteJob = { seconds, bytes: clients * this.#valueBytes };
    this.#child.send(job);
    const [{ commits, ...outcome }] = (await once(this.#child, 'message')) as [SqliteOutcome];
    return { ...outcome, operations: commits * clients, failures: 0, cpuMs: 0 };
  }
}
