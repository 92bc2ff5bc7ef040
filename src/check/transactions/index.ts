/**
 * The checker of transactions over lists: is there one order of a recorded history's transactions, respecting real time,
 * in which every read is correct (strict serializability)?
 *
 * A transaction appends elements to lists, and reads whole lists. Because each element is unique and a list only grows,
 * a read shows which appends it saw and in which order, so the order of transactions need not be searched for: it can be
 * inferred (Kingsbury & Alvaro, Elle, 2020), and what contradicts itself is named after Adya's phenomena.
 *
 * `checkTransactions` (`check.ts`) numbers keys and elements (`elements.ts`), finds out which transactions happened and
 * what each read before its own appends (`observations.ts`), infers the order of each list (`versions.ts`), and draws
 * what follows from it (`dependencies.ts`) and from real time (`real-time.ts`) into one graph (`graph.ts`). A cycle in
 * it (`components.ts`) is a proof that no order exists; without one, any order of the graph is a proof that one does.
 * `cycles.ts` and `real-time-cycles.ts` name the worst cycle (`paths.ts`, `reach.ts`, `steps.ts`), `explain.ts` puts it
 * into words. `readTransactions` reads files; `report.ts` and `page.ts` present the verdict.
 *
 * - STRICTLY SERIALIZABLE and ILLEGAL are proofs; UNKNOWN is given only when the time is over.
 * - A transaction with an unknown outcome may take effect at any time after its start, or never; if one of its appends
 *   was read, it happened.
 * - Two transactions are concurrent if one ends at the very time at which the other starts.
 * - Time and memory are linear in the size of the history, sorting aside.
 */
export { checkTransactions } from './check.js';
export type {
  TransactionCheckOptions,
  TransactionFailure,
  TransactionCheckResult,
  TransactionVerdict,
} from './check.js';
export type { CycleEdge } from './explain.js';
export { ANOMALIES, type Anomaly } from './findings.js';
export { readTransactions } from './read-transactions.js';
export { describeTransaction, formatTransaction, type TransactionRecord } from './transaction.js';
export { formatTransactionReport, transactionReportJson } from './report.js';
export { renderTransactionPage, type TransactionPageOptions } from './page.js';
