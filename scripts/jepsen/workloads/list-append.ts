/**
 * Transactions over lists: each appends to and reads one to four lists in several shards, all or nothing.
 *
 * Elements are unique, and a retry keeps its elements under its idempotency key: so one transaction in the history is
 * one that may happen once. Single reads of a list are transactions as well, which shows whether single operations see
 * transactions half done. The checker of transactions judges all of it, reads at the end included: an acknowledged append
 * that is missing there is a lost one.
 */
import type { TransactionRecord } from '../../../src/check/index.js';
import type { Recorded } from '../history.js';
import { KeyPool } from '../keys.js';
import type { ClientOutcome, OperationResult } from '../outcome.js';
import type { Part, Session } from '../session.js';
import type { Workload } from './workload.js';

export interface ListAppendOptions {
  readonly clients: number;
  readonly operationsPerKey: number;
}

type Op = TransactionRecord['ops'][number];
type Scalar = Op[1];

/** So few that transactions meet, so many that most are not refused for it. */
const KEYS_PER_CLIENT = 2;
/** A read writes the whole list into the history. */
const MOST_OPERATIONS_PER_KEY = 120;
const MOST_OPERATIONS = 4;
const APPEND_SHARE = 0.55;
const RETRY_SHARE = 0.6;
const SINGLE_READ_SHARE = 0.15;
/** Ends each element. */
const END = ',';

export function listAppendWorkload(options: ListAppendOptions): Workload {
  const active = Math.max(MOST_OPERATIONS, KEYS_PER_CLIENT * options.clients);
  const budget = Math.min(MOST_OPERATIONS_PER_KEY, options.operationsPerKey);
  const pool = new KeyPool({ prefix: 'list', active, budget });
  let elements = 0;
  let committed = 0;

  return {
    get keys() {
      return pool.names;
    },
    read: readAlone,
    problems: (_, finals) => [
      ...(committed === 0 ? ['no transaction of several lists was committed'] : []),
      ...pool.names.filter((key) => !finals.has(key)).map((key) => `${key} was not read at the end`),
    ],
    async step(session) {
      const { random } = session;
      if (random.chance(SINGLE_READ_SHARE)) {
        await readAlone(session, pool.take(random));
        return;
      }
      const ops = Array.from({ length: random.integer(1, MOST_OPERATIONS) }, (): Op => {
        const key = pool.take(random);
        return random.chance(APPEND_SHARE) ? ['append', key, elements++] : ['r', key, null];
      });
      const outcome = await session.transact({
        then: ops.map(partOf),
        retries: random.chance(RETRY_SHARE),
        record: (result) => ({ ...fateOf(result, 'txn'), transaction: answered(ops, result) }),
      });
      if (outcome.ok === true && new Set(ops.map(([, key]) => key)).size > 1) committed += 1;
    },
  };
}

function readAlone(session: Session, key: string): Promise<ClientOutcome> {
  return session.look(key, (outcome) => {
    const list = outcome.ok === true ? elementsOf(outcome.result ?? '') : null;
    return { ...fateOf(outcome, 'get'), transaction: [['r', key, list]] };
  });
}

export const fateOf = (outcome: ClientOutcome, op: string): Recorded =>
  outcome.ok === true ? { op, ok: true } : { op, ok: outcome.ok, error: outcome.error };

const partOf = ([op, key, element]: Op): Part =>
  op === 'append' ? { op, key, value: `${String(element)}${END}` } : { op: 'get', key };

/** With what its reads saw, where that is known. */
function answered(ops: readonly Op[], outcome: ClientOutcome): Op[] {
  const results = outcome.ok === true ? outcome.results : undefined;
  return ops.map((op, index) => (op[0] === 'r' ? ['r', op[1], listIn(results?.[index])] : op));
}

function listIn(result: OperationResult | undefined): Scalar[] | null {
  if (result === undefined) return null;
  const { status, value_base64: bytes } = result;
  if (status === 404) return [];
  return elementsOf(typeof bytes === 'string' ? Buffer.from(bytes, 'base64').toString() : JSON.stringify(result));
}

/** What is no whole element is kept as text: no transaction appended it. */
export function elementsOf(text: string): Scalar[] {
  const pieces = text.split(END);
  const rest = pieces.pop() ?? '';
  const elements = pieces.map((piece) => (/^(?:0|[1-9]\d{0,14})$/.test(piece) ? Number(piece) : piece));
  return rest === '' ? elements : [...elements, rest];
}
