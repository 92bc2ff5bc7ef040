/**
 * The verdict on a history: key by key (linearizability is local, Herlihy & Wing 1990), within a bound.
 *
 * Keys take turns with growing slices, so that one hard key does not prevent the others from being judged.
 */
import { Budget } from './budget.js';
import { compileKey } from './compile.js';
import { countHistory, type HistoryCounts } from './counts.js';
import { withTolerance } from './deadlines.js';
import { explainFailure, legalOrder, type HistoryFailure, type Placed } from './explain.js';
import type { Value } from './model.js';
import type { Operation } from './operation.js';
import { Search } from './search.js';

/** Options of `checkHistory`. */
export interface CheckOptions {
  /** Initial value of every key; null = absent (default). */
  readonly init?: string | null;
  /** Milliseconds until the verdict is UNKNOWN; default 60,000. */
  readonly timeoutMs?: number;
  /** The clock, in ms; default performance.now. */
  readonly now?: () => number;
  /** The share of a time to live by which it may be shorter, from 0 (default) to 1. */
  readonly ttlTolerance?: number;
  /** A bound on search steps instead of time: with it, the result is the same in every run. */
  readonly steps?: number;
}

/** LINEARIZABLE and ILLEGAL are certain; UNKNOWN: the bound of time or steps was reached first. */
export type Verdict = 'LINEARIZABLE' | 'ILLEGAL' | 'UNKNOWN';

/** Result of `checkHistory`. */
export interface CheckResult extends HistoryCounts {
  readonly verdict: Verdict;
  /** Milliseconds by the clock of the options. */
  readonly tookMs: number;
  /** Number of configurations searched. */
  readonly steps: number;
  /** If ILLEGAL: what is impossible, and why. */
  readonly failure?: HistoryFailure;
  /** If UNKNOWN: the keys without a verdict. */
  readonly undecided: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 60_000;
/** Steps of a key's first turn; most keys need fewer. */
const FIRST_TURN = 20_000;
const GROWTH = 4;
/** The most steps to spend on a picture. */
const PICTURE_STEPS = 4_000_000;

/**
 * Whether every key's operations could have happened one at a time, each between its start and its end.
 *
 * `operations` may be in any order. LINEARIZABLE and ILLEGAL are certain; UNKNOWN means that the bound was reached
 * first.
 */
export function checkHistory(operations: readonly Operation[], options: CheckOptions = {}): CheckResult {
  const { init = null, timeoutMs = DEFAULT_TIMEOUT_MS, steps, ttlTolerance = 0 } = options;
  const now = options.now ?? (() => performance.now());
  const startedAt = now();
  const budget = steps === undefined ? Budget.time(timeoutMs, now) : Budget.steps(steps);
  const byKey = groupByKey(withTolerance(operations, ttlTolerance));
  const { illegal, undecided } = judge(byKey, init, budget);
  const failure = illegal === undefined ? undefined : explainFailure(illegal, byKey.get(illegal) ?? [], init);
  const verdict = failure !== undefined ? 'ILLEGAL' : undecided.length > 0 ? 'UNKNOWN' : 'LINEARIZABLE';
  return {
    verdict,
    ...countHistory(operations, byKey.size),
    tookMs: now() - startedAt,
    steps: budget.steps,
    ...(failure === undefined ? {} : { failure }),
    undecided: failure === undefined ? undecided : [],
  };
}

/** The busiest key of a history that was found linearizable, with an order that proves it. */
export function picture(
  operations: readonly Operation[],
  init: Value,
): { key: string; history: readonly Operation[]; order: readonly Placed[] } | undefined {
  const [busiest] = [...groupByKey(operations)].sort(([, a], [, b]) => b.length - a.length);
  if (busiest === undefined) return undefined;
  const [key, history] = busiest;
  return {
    key,
    history,
    order: legalOrder(new Map(history.map((one) => [one, one])), init, Budget.steps(PICTURE_STEPS)),
  };
}

function groupByKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const byKey = new Map<string, Operation[]>();
  for (const operation of operations) {
    const same = byKey.get(operation.key);
    if (same === undefined) byKey.set(operation.key, [operation]);
    else same.push(operation);
  }
  return byKey;
}

function judge(
  byKey: ReadonlyMap<string, readonly Operation[]>,
  init: Value,
  budget: Budget,
): { illegal: string | undefined; undecided: string[] } {
  // Small keys first: their verdicts are cheap.
  const keys = [...byKey].sort(([, a], [, b]) => a.length - b.length);
  let hard: { key: string; search: Search }[] = [];
  const undecided: string[] = [];
  for (const [key, operations] of keys) {
    if (budget.exhausted) {
      undecided.push(key);
      continue;
    }
    const search = new Search(compileKey(operations, init));
    const state = budget.run(search, FIRST_TURN);
    if (state === 'illegal') return { illegal: key, undecided: [] };
    if (state === 'running') hard.push({ key, search });
  }
  for (let turn = FIRST_TURN * GROWTH; hard.length > 0 && !budget.exhausted; turn *= GROWTH) {
    const harder: typeof hard = [];
    for (const { key, search } of hard) {
      const state = budget.run(search, turn);
      if (state === 'illegal') return { illegal: key, undecided: [] };
      if (state === 'running') harder.push({ key, search });
    }
    hard = harder;
  }
  return { illegal: undefined, undecided: [...undecided, ...hard.map(({ key }) => key)] };
}
