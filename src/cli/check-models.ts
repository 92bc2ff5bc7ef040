/** What `kvorum check` can judge: per model, how a history is read, and how its verdict is presented. */
import {
  checkHistory,
  checkTransactions,
  formatReport,
  formatTransactionReport,
  picture,
  readHistory,
  readTransactions,
  renderPage,
  renderTransactionPage,
  reportJson,
  transactionReportJson,
  type TransactionVerdict,
  type Verdict,
} from '../check/index.js';

export type ModelName = 'register' | 'list-append';

export interface ModelOptions {
  /** Name of the history. */
  readonly name: string;
  readonly timeoutMs: number;
  /** What every key holds at the beginning. */
  readonly init: string | undefined;
  /** Share by which a time to live may turn out shorter. */
  readonly ttlTolerance: number;
}

/** A history that was read. */
export interface Readable {
  /** How much there is, in words. */
  readonly count: string;
  readonly judge: () => Report;
}

export interface Report {
  readonly verdict: Verdict | TransactionVerdict;
  readonly text: () => string;
  readonly json: () => unknown;
  /** HTML. */
  readonly page: () => string;
}

/** @param open is called once the options are known to fit. */
type Model = (open: () => AsyncIterable<Uint8Array>, options: ModelOptions) => Promise<Readable>;

export const MODELS: Readonly<Record<ModelName, Model>> = { register, 'list-append': listAppend };

const count = (items: readonly unknown[], what: string): string => `${items.length.toLocaleString('en-US')} ${what}`;

async function register(open: () => AsyncIterable<Uint8Array>, options: ModelOptions): Promise<Readable> {
  const { name, timeoutMs, init = null, ttlTolerance } = options;
  const operations = await readHistory(open());
  const judge = (): Report => {
    const result = checkHistory(operations, { init, timeoutMs, ttlTolerance });
    const page = (): string => {
      const busiest = result.verdict === 'LINEARIZABLE' ? picture(operations, init) : undefined;
      return renderPage(result, { name, ...(busiest === undefined ? {} : { picture: busiest }) });
    };
    return { verdict: result.verdict, text: () => formatReport(result), json: () => reportJson(result), page };
  };
  return { count: count(operations, 'operations'), judge };
}

async function listAppend(open: () => AsyncIterable<Uint8Array>, options: ModelOptions): Promise<Readable> {
  const { name, timeoutMs, init } = options;
  if (init !== undefined) throw new Error('--init is for --model register: lists are empty at the beginning');
  const transactions = await readTransactions(open());
  const judge = (): Report => {
    const result = checkTransactions(transactions, { timeoutMs });
    return {
      verdict: result.verdict,
      text: () => formatTransactionReport(result, transactions),
      json: () => transactionReportJson(result, transactions),
      page: () => renderTransactionPage(result, { name, history: transactions }),
    };
  };
  return { count: count(transactions, 'transactions'), judge };
}
