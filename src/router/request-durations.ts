/**
 * How long data requests took, by operation and by how they ended, as a Prometheus histogram.
 *
 * prom-client's own checks and hashes its labels for each observation, also through `labels()`: 3 % of what a router does
 * at its limit. So the counts are kept here, and told in its form when somebody scrapes.
 */
import type { MetricType } from 'prom-client';
import { Histogram, type MetricObjectWithValues, type MetricValueWithName, type Registry } from 'prom-client';
import type { ProblemCode } from './http-errors.js';
import type { OperationName } from './kv-routes.js';

type Label = 'operation' | 'code';
type Outcome = ProblemCode | 'ok';
type Value = MetricValueWithName<Label | 'le'>;

const NAME = 'kvorum_request_duration_seconds';
/** The types of prom-client 15.1.3 have an enum for it, which is not there when it runs: there it is this text. */
const TYPE = 'histogram' as unknown as MetricType;
const BUCKETS_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Series {
  /** How many took at most so long and longer than the bucket before allows; the last: longer than all. */
  readonly counts: number[];
  sumSeconds: number;
}

export class RequestDurations extends Histogram<Label> {
  static readonly help = 'Data requests by operation and by how they ended (ok, or the code of the problem).';
  /** Upper bounds, in seconds. */
  static readonly buckets = BUCKETS_SECONDS;
  readonly #series: Readonly<Record<OperationName, Map<Outcome, Series>>> = {
    get: new Map(),
    put: new Map(),
    delete: new Map(),
    other: new Map(),
  };

  constructor(registers: Registry[]) {
    super({
      name: NAME,
      help: RequestDurations.help,
      labelNames: ['operation', 'code'],
      buckets: BUCKETS_SECONDS,
      registers,
    });
  }

  add(operation: OperationName, code: Outcome, ms: number): void {
    const series = this.#series[operation].get(code) ?? this.#begin(operation, code);
    const seconds = ms / 1_000;
    let bucket = 0;
    while (seconds > (BUCKETS_SECONDS[bucket] ?? Infinity)) bucket++;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sumSeconds += seconds;
  }

  #begin(operation: OperationName, code: Outcome): Series {
    const series = { counts: Array<number>(BUCKETS_SECONDS.length + 1).fill(0), sumSeconds: 0 };
    this.#series[operation].set(code, series);
    return series;
  }

  override get(): Promise<MetricObjectWithValues<Value>> {
    return this.getForPromString();
  }

  /** What the registry asks for instead of `get` where a metric has it, as histograms do. */
  getForPromString(): Promise<MetricObjectWithValues<Value>> {
    const values: Value[] = [];
    for (const [operation, byCode] of Object.entries(this.#series)) {
      for (const [code, series] of byCode) values.push(...valuesOf({ operation, code }, series));
    }
    return Promise.resolve({
      name: NAME,
      help: RequestDurations.help,
      type: TYPE,
      collect: () => undefined,
      aggregator: 'sum',
      values,
    });
  }
}

function valuesOf(labels: Readonly<Record<Label, string>>, { counts, sumSeconds }: Series): Value[] {
  let count = 0;
  const buckets = counts.map((own, bucket): Value => {
    count += own;
    const le = BUCKETS_SECONDS[bucket] ?? '+Inf';
    return { metricName: `${NAME}_bucket`, labels: { le, ...labels }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${NAME}_sum`, labels, value: sumSeconds },
    { metricName: `${NAME}_count`, labels, value: count },
  ];
}
