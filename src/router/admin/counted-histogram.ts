/**
 * A Prometheus histogram with cheap observations: they are counted here, and put into prom-client's form when scraped.
 *
 * prom-client's own validates and hashes its labels for each observation, also through `labels()`, and also without
 * any: 3 % of the CPU time of a router at its limit, and some per mille of a node's for the delays of its event loop.
 */
import type { MetricType } from 'prom-client';
import { Histogram, type MetricObjectWithValues, type MetricValueWithName, type Registry } from 'prom-client';

/** The types of prom-client 15.1.3 have an enum for it, which does not exist at run time: there it is this text. */
const TYPE = 'histogram' as unknown as MetricType;

export interface HistogramDefinition<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames: Label[];
  /** Upper bounds, ascending. */
  readonly buckets: number[];
}

/** Observations under one set of labels. */
export class Series {
  /** Per bucket, not cumulative; the last is for values above all bounds. */
  readonly #counts: number[];
  readonly #bounds: readonly number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = Array<number>(bounds.length + 1).fill(0);
  }

  add(value: number): void {
    let bucket = 0;
    while (value > (this.#bounds[bucket] ?? Infinity)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#sum += value;
  }

  /** The samples, in prom-client's order. */
  samples<Label extends string>(name: string, labels: Readonly<Record<Label, string>>): Value<Label>[] {
    let count = 0;
    const buckets = this.#counts.map((own, bucket): Value<Label> => {
      count += own;
      return { metricName: `${name}_bucket`, labels: { le: this.#bounds[bucket] ?? '+Inf', ...labels }, value: count };
    });
    const sum = { metricName: `${name}_sum`, labels, value: this.#sum };
    return [...buckets, sum, { metricName: `${name}_count`, labels, value: count }] as Value<Label>[];
  }
}

type Value<Label extends string> = MetricValueWithName<Label | 'le'>;

/** All series of a histogram, each with its labels. */
export type AllSeries<Label extends string> = Iterable<
  readonly [labels: Readonly<Record<Label, string>>, series: Series]
>;

export abstract class CountedHistogram<Label extends string> extends Histogram<Label> {
  readonly #definition: HistogramDefinition<Label>;

  protected constructor(definition: HistogramDefinition<Label>, registers: Registry[]) {
    super({ ...definition, registers });
    this.#definition = definition;
  }

  protected abstract series(): AllSeries<Label>;

  override get(): Promise<MetricObjectWithValues<Value<Label>>> {
    return this.getForPromString();
  }

  /** The registry calls it instead of `get` on metrics that have it, as histograms do. */
  getForPromString(): Promise<MetricObjectWithValues<Value<Label>>> {
    const { name, help } = this.#definition;
    const values = [...this.series()].flatMap(([labels, series]) => series.samples(name, labels));
    return Promise.resolve({ name, help, type: TYPE, collect: () => undefined, aggregator: 'sum', values });
  }
}
