/**
 * The results of a run in numbers, and whether it passed. A run that did too little has shown nothing, and fails. Pure.
 */
import {
  describeOperation,
  type HistoryFailure,
  type Operation,
  type TransactionFailure,
} from '../../src/check/index.js';
import type { Convergence } from './convergence.js';
import type { Asked } from './history.js';
import type { FaultKind } from './kinds.js';
import type { FaultWindow } from './nemesis.js';
import type { Judgement } from './workloads/index.js';

export interface RunFacts {
  readonly asked: readonly Asked[];
  readonly kinds: readonly FaultKind[];
  readonly cannot: ReadonlyMap<FaultKind, string>;
  readonly injected: ReadonlyMap<FaultKind, number>;
  readonly windows: readonly FaultWindow[];
  /** Kinds that were injected and have a symptom, but never showed it. */
  readonly harmless: readonly FaultKind[];
  /** From the start of the load until everything was healed, in nanoseconds on the history's clock. */
  readonly load: { readonly start: number; readonly end: number };
  /** Requested operations per second, of all clients. */
  readonly askedPerSecond: number;
  /** How the cluster converged after that, while the clients went on. */
  readonly healed: Convergence;
  readonly attempts: number;
  readonly replays: number;
  /** Large values that were acknowledged. */
  readonly large: number;
  readonly surprises: readonly string[];
  /** Faults that could not be injected, processes that crashed, and the like. */
  readonly troubles: readonly string[];
  /** What the workload's own check found. */
  readonly problems: readonly string[];
  /** Replicas that are not equal at the end. */
  readonly replicas: readonly string[];
  readonly check: Judgement;
}

interface Count {
  ok: number;
  failed: number;
  unknown: number;
}

export interface Report {
  readonly verdict: Judgement['verdict'];
  readonly passed: boolean;
  /** Why it did not pass, one line each. */
  readonly failures: readonly string[];
  readonly operations: Count & { readonly total: number };
  readonly byOperation: Readonly<Record<string, Count>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly attempts: number;
  readonly replays: number;
  readonly large: number;
  readonly keys: number;
  readonly concurrency: number;
  readonly okPerSecond: number;
  readonly longestWaitMs: number;
  /** The longest time in which no operation of any client succeeded. */
  readonly longestSilenceMs: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly skipped: Readonly<Record<string, string>>;
  /** Operations that overlap with a fault, and how many of them succeeded. */
  readonly duringFaults: { readonly operations: number; readonly ok: number };
  /** From the heal, while the clients went on; null: not within the bound. */
  readonly timeToServeMs: number | null;
  readonly timeToReadyMs: number | null;
  readonly timeToLevelMs: number | null;
  /** Operations of the clients during that time, and how many of them succeeded. */
  readonly whileHealing: { readonly operations: number; readonly ok: number };
  readonly checkMs: number;
  /** What the checker found to be impossible; its own report and page have the details. */
  readonly checkFailure:
    | { readonly key: string; readonly operation: Operation; readonly reason: string }
    | { readonly anomaly: string; readonly text: string }
    | null;
}

/** Fewer successes per second than this show little; where so few were requested, a tenth of them. */
const LEAST_OK_PER_SECOND = 5;
const LEAST_OK_SHARE = 0.1;
const NS_PER_MS = 1_000_000;
const NS_PER_SECOND = 1_000_000_000;
/** At most this many lines of one kind of complaint are shown. */
const SHOWN = 10;

const spanOf = ({ start, end }: Asked): FaultWindowSpan => ({ start: Number(start), end: Number(end) });
type FaultWindowSpan = Pick<FaultWindow, 'start' | 'end'>;
const overlaps = (a: FaultWindowSpan, b: FaultWindowSpan): boolean => a.start < b.end && b.start < a.end;

export function makeReport(facts: RunFacts): Report {
  const { asked: operations, windows, load, check, healed } = facts;
  const totals: Count = { ok: 0, failed: 0, unknown: 0 };
  const byOperation: Record<string, Count> = {};
  const errors: Record<string, number> = {};
  for (const { op, ok, error } of operations) {
    const fate = ok === true ? 'ok' : ok === false ? 'failed' : 'unknown';
    totals[fate] += 1;
    (byOperation[op] ??= { ok: 0, failed: 0, unknown: 0 })[fate] += 1;
    if (error !== undefined) errors[error] = (errors[error] ?? 0) + 1;
  }
  const loaded = operations.filter((operation) => overlaps(spanOf(operation), load));
  const hurt = loaded.filter((operation) => windows.some((window) => overlaps(spanOf(operation), window)));
  const okPerSecond = loaded.filter(({ ok }) => ok === true).length / ((load.end - load.start) / NS_PER_SECOND);
  const healing = countOf(operations.filter((operation) => overlaps(spanOf(operation), healed)));
  const failures = failuresOf(facts, { okPerSecond, loaded, okWhileHealing: healing.ok });
  return {
    verdict: check.verdict,
    passed: failures.length === 0,
    failures,
    operations: { total: operations.length, ...totals },
    byOperation,
    errors,
    attempts: facts.attempts,
    replays: facts.replays,
    large: facts.large,
    keys: check.keys,
    concurrency: check.concurrency,
    okPerSecond,
    longestWaitMs:
      operations.reduce((most, { start, end }) => Math.max(most, Number(end) - Number(start)), 0) / NS_PER_MS,
    longestSilenceMs: longestSilence(loaded, load) / NS_PER_MS,
    faults: Object.fromEntries(facts.injected),
    skipped: Object.fromEntries(facts.cannot),
    duringFaults: countOf(hurt),
    timeToServeMs: healed.afterMs.served ?? null,
    timeToReadyMs: healed.afterMs.ready ?? null,
    timeToLevelMs: healed.afterMs.level ?? null,
    whileHealing: healing,
    checkMs: check.tookMs,
    checkFailure: check.failure === undefined ? null : shortened(check.failure),
  };
}

const countOf = (operations: readonly Asked[]) => ({
  operations: operations.length,
  ok: operations.filter(({ ok }) => ok === true).length,
});

const shortened = (failure: HistoryFailure | TransactionFailure) =>
  'anomaly' in failure
    ? { anomaly: failure.anomaly, text: failure.text }
    : { key: failure.key, operation: failure.operation, reason: failure.reason };

function why(check: Judgement): string {
  const { failure } = check;
  if (failure === undefined) {
    const undecided = 'undecided' in check ? check.undecided : [];
    return undecided.length === 0 ? '' : `: no verdict on ${undecided.join(', ')}`;
  }
  if ('anomaly' in failure) return `: ${failure.anomaly}: ${failure.text}`;
  const { key, operation, reason } = failure;
  return `: ${key}: client ${operation.client}: ${describeOperation(operation)}: ${reason}`;
}

function longestSilence(operations: readonly Asked[], load: FaultWindowSpan): number {
  const ends = operations.filter(({ ok }) => ok === true).map(({ end }) => Math.min(Number(end), load.end));
  let last = load.start;
  let longest = 0;
  for (const end of [...ends.sort((a, b) => a - b), load.end]) {
    longest = Math.max(longest, end - last);
    last = end;
  }
  return longest;
}

interface Counted {
  readonly okPerSecond: number;
  readonly loaded: readonly Asked[];
  readonly okWhileHealing: number;
}

function failuresOf(facts: RunFacts, { okPerSecond, loaded, okWhileHealing }: Counted): string[] {
  const { check, kinds, cannot, injected, windows } = facts;
  const failures: string[] = [];
  if (check.verdict !== 'LINEARIZABLE' && check.verdict !== 'STRICTLY SERIALIZABLE')
    failures.push(`the history is ${check.verdict}${why(check)}`);
  failures.push(...some('the check of the workload', facts.problems));
  failures.push(...some('replicas', facts.replicas));
  failures.push(...some('an answer that the API does not give', facts.surprises));
  failures.push(...some('trouble', facts.troubles));
  failures.push(...some('not in time under load after everything was healed', facts.healed.missing));
  if (okWhileHealing === 0) failures.push('no operation of the clients succeeded after everything was healed');
  const least = Math.min(LEAST_OK_PER_SECOND, facts.askedPerSecond * LEAST_OK_SHARE);
  if (okPerSecond < least) {
    failures.push(`too little: ${okPerSecond.toFixed(1)} successes a second, expected ${least.toFixed(1)}`);
  }
  if (injected.has('narrow-links') && facts.large === 0) failures.push('no large value was acknowledged');
  for (const kind of facts.harmless) failures.push(`${kind} was injected, and never seen to bite`);
  if (injected.size === 0) failures.push('no fault was injected');
  for (const kind of kinds) {
    if (cannot.has(kind)) continue;
    const own = windows.filter((window) => window.kinds.includes(kind));
    if ((injected.get(kind) ?? 0) === 0) failures.push(`${kind} was never injected`);
    else if (!loaded.some((operation) => own.some((window) => overlaps(spanOf(operation), window)))) {
      failures.push(`no operation overlaps with ${kind}`);
    }
  }
  return failures;
}

function some(what: string, lines: readonly string[]): string[] {
  const shown = lines.slice(0, SHOWN).map((line) => `${what}: ${line}`);
  return lines.length > SHOWN ? [...shown, `${what}: and ${lines.length - SHOWN} more`] : shown;
}
