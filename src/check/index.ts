/**
 * The linearizability checker: is there one order of a recorded history's operations, each between its start and its
 * end, in which every answer is correct?
 *
 * `checkHistory` judges key by key (`check.ts`). A key's operations are compiled to effects on numbered states
 * (`model.ts` defines what operations mean, `states.ts` which values must be distinguished, `possible-writers.ts` what
 * follows from a value that only one operation can have made), and `search.ts` looks for an order: Wing & Gong's search
 * with Lowe's memory of configurations. If there is none, `explain.ts` finds the first operation that cannot be placed
 * and the smallest window that is impossible by itself. `readHistory` reads files; `formatReport`, `reportJson` and
 * `renderPage` present the verdict.
 *
 * - LINEARIZABLE and ILLEGAL are proofs; UNKNOWN is given only when a bound was reached.
 * - An operation with an unknown outcome may take effect at any time after its start, or never.
 * - Two operations are concurrent if one ends at the very time at which the other starts.
 * - The same history and the same number of `steps` give the same result.
 *
 * Transactions over several keys are judged by `checkTransactions` (`transactions/`), where they append to lists. Left out:
 * anything else across keys (linearizability is local), and weaker models. Independent of Kvorum: it accepts the history
 * of any store.
 */
export { checkHistory, picture, type CheckOptions, type CheckResult, type Verdict } from './check.js';
export type { HistoryCounts } from './counts.js';
export type { HistoryFailure, Placed } from './explain.js';
export { formatOperation, describeOperation, type Completion, type Invocation, type Operation } from './operation.js';
export { renderPage, type KeyPicture, type PageOptions } from './page/index.js';
export { HistoryError, readHistory } from './read-history.js';
export { formatReport, reportJson } from './report.js';
export type { Window } from './window.js';
export {
  ANOMALIES,
  checkTransactions,
  describeTransaction,
  formatTransaction,
  formatTransactionReport,
  readTransactions,
  renderTransactionPage,
  transactionReportJson,
  type Anomaly,
  type CycleEdge,
  type TransactionCheckOptions,
  type TransactionFailure,
  type TransactionPageOptions,
  type TransactionRecord,
  type TransactionCheckResult,
  type TransactionVerdict,
} from './transactions/index.js';
