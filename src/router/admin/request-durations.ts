/** Duration of data requests, by operation and result code, as a Prometheus histogram. */
import type { Registry } from 'prom-client';
import { CountedHistogram, Series, type AllSeries } from './counted-histogram.js';
import type { ProblemCode } from '../http/index.js';
import type { OperationName } from '../kv/index.js';

type Label = 'operation' | 'code';
type Result = ProblemCode | 'ok';

const BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export class RequestDurations extends CountedHistogram<Label> {
  static readonly help = 'Duration of data requests, by operation and result (ok, or the problem code).';
  /** Upper bounds, in seconds. */
  static readonly buckets = BUCKETS_SECONDS;
  readonly #series: Readonly<Record<OperationName, Map<Result, Series>>> = {
    get: new Map(),
    put: new Map(),
    delete: new Map(),
    patch: new Map(),
    batch: new Map(),
    txn: new Map(),
    list: new Map(),
    namespace: new Map(),
    other: new Map(),
  };

  constructor(registers: Registry[]) {
    const { help } = RequestDurations;
    const labelNames: Label[] = ['operation', 'code'];
    super({ name: 'kvorum_request_duration_seconds', help, labelNames, buckets: BUCKETS_SECONDS }, registers);
  }

  add(operation: OperationName, code: Result, ms: number): void {
    const series = this.#series[operation].get(code) ?? this.#begin(operation, code);
    series.add(ms / 1_000);
  }

  #begin(operation: OperationName, code: Result): Series {
    const series = new Series(BUCKETS_SECONDS);
    this.#series[operation].set(code, series);
    return series;
  }

  protected *series(): AllSeries<Label> {
    for (const [operation, byCode] of Object.entries(this.#series)) {
      for (const [code, series] of byCode) yield [{ operation, code }, series];
    }
  }
}
