/**
 * Reads a recorded history of transactions, and parses one line of it, checked field by field.
 *
 * Unknown fields are ignored: recorders may note more than a checker needs.
 */
import { clientOf, describe, LineError, outcomeOf, parseObject, timesOf } from '../line-fields.js';
import { readLines } from '../read-history.js';
import type { Append, Read, Scalar, TransactionRecord } from './transaction.js';

/** @throws HistoryError for an invalid line, and for a file without any transaction. */
export function readTransactions(chunks: AsyncIterable<Uint8Array>): Promise<TransactionRecord[]> {
  return readLines(chunks, parseTransaction, 'transaction');
}

/** @throws LineError */
export function parseTransaction(line: string): TransactionRecord {
  const fields = parseObject(line);
  const { ops } = fields;
  if (!Array.isArray(ops)) throw new LineError(`"ops" must be a list of operations; got ${describe(ops)}`);
  const ok = outcomeOf(fields['ok']);
  return { client: clientOf(fields['client']), ops: ops.map(parseOp), ok, ...timesOf(fields, ok, line) };
}

function parseOp(op: unknown): Append | Read {
  const [name, key, value, ...more] = Array.isArray(op) ? (op as unknown[]) : [];
  if (more.length > 0 || (name !== 'append' && name !== 'r')) {
    throw new LineError(`an operation must be ["append", key, element] or ["r", key, list]; got ${describe(op)}`);
  }
  assertScalar(key, 'a key');
  if (name === 'append') {
    assertScalar(value, 'an element');
    return [name, key, value];
  }
  if (value === undefined || value === null) return [name, key, null];
  if (!Array.isArray(value)) throw new LineError(`what was read must be a list, or null; got ${describe(value)}`);
  const list: unknown[] = value;
  for (const element of list) assertScalar(element, 'an element');
  return [name, key, list as Scalar[]];
}

/** Numbers beyond 2^53 would be rounded, and two of them could become one. */
function assertScalar(value: unknown, what: string): asserts value is Scalar {
  if (typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value))) return;
  throw new LineError(`${what} must be a string or an integer below 2^53; got ${describe(value)}`);
}
