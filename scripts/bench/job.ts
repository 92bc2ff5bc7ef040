/** What the bench asks of its load process, and what it gets back: plain data. */
export interface Job {
  readonly host: string;
  readonly port: number;
  readonly operation: 'put' | 'get';
  /** Connections, each with one request under way at a time. */
  readonly clients: number;
  readonly keys: number;
  readonly valueBytes: number;
  readonly durationMs: number;
  /** Instead of going on for `durationMs` with random keys, each key once. */
  readonly once?: boolean;
}

export interface Outcome {
  readonly operations: number;
  readonly tookMs: number;
  /** Latencies of successful operations, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /** Answers that were no success, by status; 0 = the connection broke. */
  readonly failures: Readonly<Record<string, number>>;
  /** CPU time of the load process itself. */
  readonly cpuMs: number;
}
