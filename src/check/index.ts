/**
 * The linearizability checker: is there one order of a recorded history's operations, each between its start and its
 * end, in which every answer is true?
 *
 * `checkHistory` judges key by key (`check.ts`). A key's operations are compiled to effects on numbered states
 * (`model.ts` says what operations mean, `states.ts` which values are worth telling apart, `possible-writers.ts` what follows from
 * a value that only one operation can have made), and `search.ts` looks for an order: Wing & Gong's search with Lowe's
 * memory of configurations. Where there is none, `explain.ts` finds the first operation that has no place and
 * the smallest window that is impossible by itself. `readHistory` reads files, `formatReport`, `reportJson` and
 * `renderPage` tell the verdict.
 *
 * - LINEARIZABLE and ILLEGAL are proofs; UNKNOWN is the only answer to a bound that was reached.
 * - An operation with an unknown outcome may take effect at any time after its start, or never.
 * - Two operations of which one ends at the very time at which the other starts are concurrent.
 * - The same history and the same number of `steps` give the same result.
 *
 * Left out: transactions and anything else across keys (linearizability is local), and weaker models. Knows nothing of
 * Kvorum: any store's history will do.
 */
export { checkHistory, picture, type CheckOptions, type CheckResult, type Verdict } from './check.js';
export type { HistoryCounts } from './counts.js';
export type { Failure, Placed } from './explain.js';
export { formatOperation, describeOperation, type Operation } from './operation.js';
export { renderPage, type KeyPicture, type PageOptions } from './page/page.js';
export { HistoryError, readHistory } from './read-history.js';
export { formatReport, reportJson } from './report.js';
export type { Window } from './window.js';
