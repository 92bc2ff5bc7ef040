/** The port for what makes load over HTTP: a job, and what came of it. A load runs in a process of its own. */
import type { Script } from './request.js';

export interface HttpJob {
  /** `http://host:port`; the first serves where clients are fewer than these. */
  readonly urls: readonly string[];
  readonly clients: number;
  readonly seconds: number;
  readonly script: Script;
}

/** Latencies are those of operations that succeeded or, where the load cannot tell them apart, of all. */
export interface LoadOutcome {
  readonly operations: number;
  readonly failures: number;
  readonly tookMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** CPU time of the load itself. */
  readonly cpuMs: number;
}

export interface HttpLoad {
  readonly name: 'wrk' | 'autocannon' | 'node';
  run(job: HttpJob): Promise<LoadOutcome>;
}
