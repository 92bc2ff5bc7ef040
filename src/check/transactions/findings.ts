/** The anomalies that have a name, and those found: the first of each kind. */

/**
 * In the order in which they are reported: first what one or two reads show, then cycles from the worst on. `G…` are
 * Adya's phenomena (Weak Consistency, 1999); with `-realtime`, a cycle has edges of real time.
 */
export const ANOMALIES = {
  garbage: 'a read returned an element that no transaction appended',
  'duplicate-element': 'a read returned an element twice that was appended once',
  internal: 'the operations of one transaction contradict each other',
  'incompatible-order': 'two reads of one list contradict each other about its order',
  G1a: 'aborted read: a read returned what a transaction appended that did not happen',
  G1b: 'intermediate read: a read returned the middle of a transaction',
  G0: 'write cycle: transactions are ordered in a circle by their appends alone',
  G1c: 'circular information flow: a cycle of appends and of reads of them',
  'G-single': 'a cycle with one anti-dependency: a read that missed an append, as in a lost update or read skew',
  G2: 'a cycle with several anti-dependencies: reads that missed appends, as in write skew',
  'G0-realtime': 'write cycle with real time: appends are ordered against real time',
  'G1c-realtime': 'circular information flow with real time: a read returned what had not begun',
  'lost-append': 'an append was acknowledged, and no read that began after it ever returned it',
  'G-single-realtime': 'stale read: a cycle of real time and one anti-dependency',
  'G2-realtime': 'a cycle of real time and several anti-dependencies',
} as const;

export type Anomaly = keyof typeof ANOMALIES;

/** One anomaly: what is wrong, and in which transactions (by their indexes). */
export interface Finding {
  readonly anomaly: Anomaly;
  readonly text: string;
  readonly transactions: readonly number[];
}

export class Findings {
  readonly #first = new Map<Anomaly, Finding>();

  /** @param make is called for the first of its kind only. */
  add(anomaly: Anomaly, make: () => Omit<Finding, 'anomaly'>): void {
    if (!this.#first.has(anomaly)) this.#first.set(anomaly, { anomaly, ...make() });
  }

  get list(): readonly Finding[] {
    return [...this.#first.values()];
  }
}
