/** The load process: takes jobs from its parent, one at a time, and sends back what came of them. */
import { Connection } from './connection.js';
import type { Job, Outcome } from './job.js';

process.on('message', (job: Job) => {
  void run(job).then((outcome) => process.send?.(outcome));
});
process.on('disconnect', () => process.exit(0));

async function run(job: Job): Promise<Outcome> {
  const requests = Array.from({ length: job.keys }, (_, key) => request(job, key));
  const connections = await Promise.all(Array.from({ length: job.clients }, () => Connection.open(job.host, job.port)));
  const tally = new Tally();
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  const source = job.once === true ? eachOnce(requests) : atRandom(requests, startedAt + job.durationMs);
  await Promise.all(connections.map((connection) => drive(connection, source, tally)));
  const tookMs = performance.now() - startedAt;
  const used = process.cpuUsage(cpu);
  for (const connection of connections) connection.close();
  return { ...tally.outcome(), tookMs, cpuMs: (used.user + used.system) / 1000 };
}

/** The next request, or undefined when it is over. */
type Source = () => Buffer | undefined;

function eachOnce(requests: readonly Buffer[]): Source {
  let next = 0;
  return () => requests[next++];
}

function atRandom(requests: readonly Buffer[], deadline: number): Source {
  return () => (performance.now() < deadline ? requests[Math.floor(Math.random() * requests.length)] : undefined);
}

function drive(connection: Connection, source: Source, tally: Tally): Promise<void> {
  return new Promise((resolve) => {
    const next = (): void => {
      const buffer = connection.open ? source() : undefined;
      if (buffer === undefined) {
        resolve();
        return;
      }
      const sentAt = performance.now();
      connection.ask(buffer, (status) => {
        tally.add(status, performance.now() - sentAt);
        next();
      });
    };
    next();
  });
}

function request(job: Job, key: number): Buffer {
  const head = `/v1/kv/bench-${key} HTTP/1.1\r\nHost: ${job.host}:${job.port}\r\n`;
  if (job.operation === 'get') return Buffer.from(`GET ${head}\r\n`);
  const body = `${key}:`.padEnd(job.valueBytes, 'abcdefghijklmnopqrstuvwxyz').slice(0, job.valueBytes);
  const type = 'Content-Type: application/octet-stream';
  return Buffer.from(`PUT ${head}${type}\r\nContent-Length: ${job.valueBytes}\r\n\r\n${body}`);
}

class Tally {
  #latencies = new Float64Array(1 << 16);
  #count = 0;
  readonly #failures: Record<string, number> = {};

  add(status: number, latencyMs: number): void {
    if (status < 200 || status > 299) {
      this.#failures[status] = (this.#failures[status] ?? 0) + 1;
      return;
    }
    if (this.#count === this.#latencies.length) {
      const larger = new Float64Array(this.#count * 2);
      larger.set(this.#latencies);
      this.#latencies = larger;
    }
    this.#latencies[this.#count++] = latencyMs;
  }

  outcome(): Omit<Outcome, 'tookMs' | 'cpuMs'> {
    const sorted = this.#latencies.subarray(0, this.#count).sort();
    const at = (share: number): number => sorted[Math.floor((this.#count - 1) * share)] ?? NaN;
    return { operations: this.#count, p50: at(0.5), p99: at(0.99), longest: at(1), failures: this.#failures };
  }
}
