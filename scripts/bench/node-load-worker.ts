/** The process of `NodeLoad`: receives jobs from its parent, one at a time, and sends back their outcomes. */
import { connect, type Socket } from 'node:net';
import { Latencies } from './latencies.js';
import { WRONG_BODY, type WorkerJob, type WorkerOutcome } from './node-load.js';
import { type AnswerMark, hasMark } from './workload.js';

// Ctrl-C reaches the whole process group; this process ends when its parent does.
process.on('SIGINT', () => undefined);
process.on('message', (job: WorkerJob) => {
  void run(job).then((outcome) => process.send?.(outcome));
});
process.on('disconnect', () => process.exit(0));

async function run(job: WorkerJob): Promise<WorkerOutcome> {
  const { endpoints, clients } = job;
  const connections = await Promise.all(
    Array.from({ length: clients }, (_, client) => {
      const { host, port } = endpoints[client % endpoints.length] ?? { host: '', port: 0 };
      return Connection.open(host, port);
    }),
  );
  const tally = new Tally(job.mark);
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await (job.rate === undefined ? closedLoop(job, connections, tally) : openLoop(job, job.rate, connections, tally));
  const tookMs = performance.now() - startedAt;
  const used = process.cpuUsage(cpu);
  for (const connection of connections) connection.close();
  return { ...tally.outcome(), tookMs, cpuMs: (used.user + used.system) / 1_000 };
}

/** The next request; undefined: the job is done. */
type Source = () => Uint8Array | undefined;

function sourceOf({ requests, order, durationMs }: WorkerJob): Source {
  let next = 0;
  if (order === undefined) return () => requests[next++];
  const deadline = performance.now() + durationMs;
  return () => (performance.now() < deadline ? requests[order[next++ % order.length] ?? 0] : undefined);
}

/** Each connection sends its next request when the previous one was answered. */
async function closedLoop(job: WorkerJob, connections: readonly Connection[], tally: Tally): Promise<void> {
  const source = sourceOf(job);
  await Promise.all(
    connections.map(
      (connection) =>
        new Promise<void>((resolve) => {
          const next = (): void => {
            const request = connection.open ? source() : undefined;
            if (request === undefined) {
              resolve();
              return;
            }
            const sentAt = performance.now();
            connection.ask(request, (status, body) => {
              tally.add(status, performance.now() - sentAt, body);
              next();
            });
          };
          next();
        }),
    ),
  );
}

/** Requests are due at equal intervals; one that has to wait for a free connection counts that wait as latency. */
function openLoop(job: WorkerJob, rate: number, connections: readonly Connection[], tally: Tally): Promise<void> {
  const { requests, order = new Uint32Array(1), durationMs } = job;
  const total = Math.floor((rate * durationMs) / 1_000);
  const startedAt = performance.now();
  const free = [...connections];
  let sent = 0;
  let answered = 0;
  return new Promise((resolve) => {
    const send = (): void => {
      const due = Math.min(total, Math.floor(((performance.now() - startedAt) * rate) / 1_000));
      for (let connection = sent < due ? free.pop() : undefined; connection !== undefined;) {
        const usedConnection = connection;
        const dueAt = startedAt + (sent * 1_000) / rate;
        usedConnection.ask(requests[order[sent % order.length] ?? 0] ?? new Uint8Array(), (status, body) => {
          tally.add(status, performance.now() - dueAt, body);
          if (usedConnection.open) free.push(usedConnection);
          if (++answered === total) finish();
          else send();
        });
        connection = ++sent < due ? free.pop() : undefined;
      }
      if (free.length === 0 && connections.every(({ open }) => !open)) finish();
    };
    const timer = setInterval(send, 1);
    const finish = (): void => {
      clearInterval(timer);
      resolve();
    };
  });
}

class Tally {
  readonly #latencies = new Latencies();
  readonly #statuses: Record<string, number> = {};
  readonly #mark: AnswerMark | undefined;
  #failures = 0;

  constructor(mark: AnswerMark | undefined) {
    this.#mark = mark;
  }

  add(status: number, latencyMs: number, body: Buffer): void {
    const isGood = status >= 200 && status <= 299;
    if (isGood && hasMark(body, this.#mark)) {
      this.#latencies.add(latencyMs);
      return;
    }
    const what = isGood ? WRONG_BODY : status;
    this.#failures++;
    this.#statuses[what] = (this.#statuses[what] ?? 0) + 1;
  }

  outcome(): Omit<WorkerOutcome, 'tookMs' | 'cpuMs'> {
    const { count } = this.#latencies;
    return { operations: count, failures: this.#failures, statuses: this.#statuses, ...this.#latencies.percentiles() };
  }
}

/**
 * A minimal HTTP/1.1 client: one request at a time over a keep-alive socket; reads only status and length of the
 * answer. A full client library would cost more CPU than the store it measures.
 */

const HEAD_END = Buffer.from('\r\n\r\n');
/** Offset of the status in `HTTP/1.1 200 …`. */
const STATUS_AT = 9;

type Done = (status: number, body: Buffer) => void;
const NOTHING = Buffer.alloc(0);

export class Connection {
  readonly #socket: Socket;
  #pending: Buffer | undefined;
  #done: Done | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#receive(chunk);
    });
    const broken = () => {
      this.#finish(0, NOTHING);
    };
    socket.on('error', broken);
    socket.on('close', broken);
  }

  static open(host: string, port: number): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Connection(socket));
      });
    });
  }

  get open(): boolean {
    return !this.#socket.destroyed;
  }

  /** Sends a whole request; `done` gets the status of its answer, 0 if the connection broke, and its body. */
  ask(request: Uint8Array, done: Done): void {
    this.#done = done;
    this.#socket.write(request);
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    const data = this.#pending === undefined ? chunk : Buffer.concat([this.#pending, chunk]);
    const headEnd = data.indexOf(HEAD_END);
    const bodyAt = headEnd + HEAD_END.length;
    const total = headEnd === -1 ? undefined : bodyAt + bodyLength(data, headEnd);
    if (total === undefined || data.length < total) {
      this.#pending = data;
      return;
    }
    this.#pending = undefined;
    this.#finish(Number(data.toString('latin1', STATUS_AT, STATUS_AT + 3)), data.subarray(bodyAt, total));
  }

  #finish(status: number, body: Buffer): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(status, body);
  }
}

function bodyLength(data: Buffer, headEnd: number): number {
  const length = /\r\ncontent-length: *(\d+)/i.exec(data.toString('latin1', 0, headEnd))?.[1];
  if (length === undefined) throw new Error('an answer without Content-Length is beyond this client');
  return Number(length);
}
