/**
 * The verdict on a history of transactions: is there one order of them, respecting real time, in which every read is
 * correct?
 *
 * Everything but naming the shortest cycle takes time linear in the size of the history, sorting aside.
 */
import { countHistory, type HistoryCounts } from '../counts.js';
import { findCycle } from './cycles.js';
import { addDependencies, type LostUpdate } from './dependencies.js';
import { indexElements } from './elements.js';
import { explainStep, type CycleEdge, type Inferred } from './explain.js';
import { ANOMALIES, Findings, type Anomaly, type Finding } from './findings.js';
import { GraphBuilder } from './graph.js';
import { observe, whichHappened } from './observations.js';
import { addRealTime } from './real-time.js';
import type { Cycle } from './steps.js';
import { rankTimes } from './times.js';
import { nameOf, type TransactionRecord } from './transaction.js';
import { inferVersions } from './versions.js';

/** Options of `checkTransactions`. */
export interface TransactionCheckOptions {
  /** Milliseconds until the verdict is UNKNOWN; default 60,000. Looked at between the phases of the check. */
  readonly timeoutMs?: number;
  /** The clock, in ms; default performance.now. */
  readonly now?: () => number;
}

/** The first two are certain; UNKNOWN: the time was over first. */
export type TransactionVerdict = 'STRICTLY SERIALIZABLE' | 'ILLEGAL' | 'UNKNOWN';

/** Why a history of transactions is ILLEGAL. */
export interface TransactionFailure {
  readonly anomaly: Anomaly;
  /** What this anomaly is, in a sentence. */
  readonly meaning: string;
  /** What happened here, in a sentence. */
  readonly text: string;
  /** A shortest cycle; empty if the anomaly is none. */
  readonly cycle: readonly CycleEdge[];
  /** Indexes of the transactions concerned, in the order in which they are mentioned. */
  readonly transactions: readonly number[];
}

/** Result of `checkTransactions`. */
export interface TransactionCheckResult extends Omit<HistoryCounts, 'operations'> {
  readonly verdict: TransactionVerdict;
  readonly transactions: number;
  readonly tookMs: number;
  /** If ILLEGAL: the worst anomaly. */
  readonly failure?: TransactionFailure;
  /** The first of each other kind of anomaly that was found. */
  readonly others: readonly TransactionFailure[];
}

const DEFAULT_TIMEOUT_MS = 60_000;
/** Of a longer cycle, only so many transactions are named in its text. */
const MAX_NAMES = 20;

/**
 * Whether the transactions of a list-append history could have happened one at a time, each between its start and its
 * end (strict serializability).
 *
 * `transactions` may be in any order, and are named T1, T2… as they stand. The values appended to one key must be
 * unique, those of transactions that did not happen aside.
 *
 * @throws HistoryError if they are not.
 */
export function checkTransactions(
  transactions: readonly TransactionRecord[],
  options: TransactionCheckOptions = {},
): TransactionCheckResult {
  const now = options.now ?? (() => performance.now());
  const startedAt = now();
  const deadline = startedAt + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const { failures, finished, keys } = judge(transactions, () => now() >= deadline);
  const { operations, ...counts } = countHistory(transactions, keys);
  const [failure, ...others] = failures;
  return {
    verdict: failure !== undefined ? 'ILLEGAL' : finished ? 'STRICTLY SERIALIZABLE' : 'UNKNOWN',
    transactions: operations,
    ...counts,
    tookMs: now() - startedAt,
    ...(failure === undefined ? {} : { failure }),
    others,
  };
}

interface Judged {
  readonly failures: readonly TransactionFailure[];
  readonly finished: boolean;
  readonly keys: number;
}

function judge(transactions: readonly TransactionRecord[], isLate: () => boolean): Judged {
  const elements = indexElements(transactions);
  const keys = elements.keys.length;
  const findings = new Findings();
  if (isLate()) return { failures: [], finished: false, keys };
  const happened = whichHappened(transactions, elements);
  const observations = observe(transactions, elements, happened, findings);
  const versions = inferVersions(observations, elements, happened, findings);
  const inferred = { transactions, elements, versions };
  if (isLate()) return { failures: order(findings.list.map(failureOf)), finished: false, keys };
  const ranks = rankTimes(transactions);
  const builder = new GraphBuilder(transactions.length);
  const lostUpdate = connect(inferred, builder);
  addRealTime(ranks, happened, builder);
  const graph = builder.build();
  if (isLate()) return { failures: order(findings.list.map(failureOf)), finished: false, keys };
  const cycle = findCycle(graph, ranks, lostUpdate);
  const cycles = cycle === undefined ? [] : [failureByCycle(cycle, inferred)];
  return { failures: order([...findings.list.map(failureOf), ...cycles]), finished: true, keys };
}

/** @returns the first lost update. */
function connect({ versions, elements }: Inferred, builder: GraphBuilder): LostUpdate | undefined {
  let first: LostUpdate | undefined;
  for (const one of versions) {
    const lost = one && addDependencies(one, elements, builder);
    first ??= lost;
  }
  return first;
}

const failureOf = (finding: Finding): TransactionFailure => ({
  ...finding,
  meaning: ANOMALIES[finding.anomaly],
  cycle: [],
});

function failureByCycle({ anomaly, steps }: Cycle, inferred: Inferred): TransactionFailure {
  const cycle = steps.map((step) => explainStep(step, inferred));
  const transactions = steps.map(({ from }) => from);
  const names = [...transactions, transactions[0] ?? 0].map(nameOf);
  const left = names.length - MAX_NAMES;
  if (left > 0) names.splice(MAX_NAMES - 2, left, `… ${left} more …`);
  const text = names.join(' → ');
  return { anomaly, meaning: ANOMALIES[anomaly], text, cycle, transactions };
}

/** As ANOMALIES are. */
function order(failures: readonly TransactionFailure[]): TransactionFailure[] {
  const names = Object.keys(ANOMALIES);
  return [...failures].sort((a, b) => names.indexOf(a.anomaly) - names.indexOf(b.anomaly));
}
