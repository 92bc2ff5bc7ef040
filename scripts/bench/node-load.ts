/**
 * Load by a Node process of our own (`node-load-worker.ts`): to write keys before measuring, to send at a given rate,
 * which wrk cannot, and where no other load generator is installed. The process ends with this one.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { HttpJob, HttpLoad, LoadOutcome } from './target.js';
import { type AnswerMark, type HttpRequest, wireFormat } from './workload.js';

export interface WorkerJob {
  readonly endpoints: readonly { readonly host: string; readonly port: number }[];
  readonly clients: number;
  readonly requests: readonly Uint8Array[];
  /** Indices of `requests`, repeated for `durationMs`; undefined: each request once. */
  readonly order: Uint32Array | undefined;
  readonly mark: AnswerMark | undefined;
  readonly durationMs: number;
  /** Requests per second, sent when due and not when a client is free (open loop); undefined: closed loop. */
  readonly rate: number | undefined;
}

export interface WorkerOutcome extends LoadOutcome {
  /** Answers other than 2xx, by status; 0 = the connection broke; `WRONG_BODY` = 2xx without the mark of its script. */
  readonly statuses: Readonly<Record<string, number>>;
}

export const WRONG_BODY = -1;

export class NodeLoad implements HttpLoad {
  readonly name = 'node';
  readonly #worker: ChildProcess;

  constructor() {
    const script = fileURLToPath(new URL('./node-load-worker.ts', import.meta.url));
    this.#worker = fork(script, { execArgv: ['--import', 'tsx'], serialization: 'advanced' });
  }

  run(job: HttpJob): Promise<WorkerOutcome> {
    return this.atRate(job, undefined);
  }

  /** Latency counts from when a request was due: no coordinated omission. */
  atRate({ urls, clients, seconds, script }: HttpJob, rate: number | undefined): Promise<WorkerOutcome> {
    return this.#ask({
      endpoints: endpointsOf(urls),
      clients,
      requests: wire(script.requests, urls),
      order: Uint32Array.from(script.order),
      mark: script.mark,
      durationMs: seconds * 1_000,
      rate,
    });
  }

  /** Each request once. @throws Error if one fails */
  async once(
    urls: readonly string[],
    clients: number,
    requests: readonly HttpRequest[],
    mark?: AnswerMark,
  ): Promise<void> {
    const { failures, statuses } = await this.#ask({
      endpoints: endpointsOf(urls),
      clients,
      requests: wire(requests, urls),
      order: undefined,
      mark,
      durationMs: 0,
      rate: undefined,
    });
    if (failures > 0) throw new Error(`${failures} of ${requests.length} requests failed: ${JSON.stringify(statuses)}`);
  }

  close(): void {
    this.#worker.kill('SIGKILL');
  }

  #ask(job: WorkerJob): Promise<WorkerOutcome> {
    return new Promise((resolve, reject) => {
      const ended = (): void => {
        reject(new Error('the load process ended'));
      };
      this.#worker.once('exit', ended);
      this.#worker.once('message', (outcome) => {
        this.#worker.off('exit', ended);
        resolve(outcome as WorkerOutcome);
      });
      this.#worker.send(job);
    });
  }
}

const endpointsOf = (urls: readonly string[]): WorkerJob['endpoints'] =>
  urls.map((url) => {
    const { hostname, port } = new URL(url);
    return { host: hostname, port: Number(port) };
  });

const wire = (requests: readonly HttpRequest[], urls: readonly string[]): Buffer[] =>
  requests.map((request) => wireFormat(request, new URL(urls[0] ?? '').host));
