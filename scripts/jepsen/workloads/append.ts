/**
 * Lists: unique elements appended to lists, exactly once each.
 *
 * The store has no append: it is a read, and a write of the longer list on condition that the revision is still that of
 * the read. Every such write carries an idempotency key and is retried until its answer is definite. The history has it
 * as `append` of the element: if the condition held, the list was the one that was read, and the new one is that list
 * followed by the element. A failed condition is an append that did not happen.
 */
import type { Operation } from '../../../src/check/index.js';
import { KeyPool } from '../keys.js';
import type { Session } from '../session.js';
import type { Finals, Workload } from './workload.js';

interface Known {
  readonly revision: number;
  readonly list: string;
}

export interface AppendOptions {
  readonly clients: number;
  readonly operationsPerKey: number;
}

const CLIENTS_PER_KEY = 2;
/** A list grows by at most one element per operation, and every read writes all of it into the history. */
const MOST_OPERATIONS_PER_KEY = 300;
/** Share of appends to the list that the client wrote or read last, without reading it again. */
const FROM_MEMORY_SHARE = 0.3;
const READ_ONLY_SHARE = 0.2;
/** Ends each element, so that a list is the concatenation of its elements. */
const END = ',';

export function appendWorkload(options: AppendOptions): Workload {
  const active = Math.max(2, Math.ceil(options.clients / CLIENTS_PER_KEY));
  const budget = Math.min(MOST_OPERATIONS_PER_KEY, options.operationsPerKey);
  const pool = new KeyPool({ prefix: 'l', active, budget });
  const memories = new Map<Session, { readonly key: string; readonly known: Known }>();
  let elements = 0;

  return {
    get keys() {
      return pool.names;
    },
    problems: checkAppends,
    async step(session) {
      const { random } = session;
      const memory = memories.get(session);
      memories.delete(session);
      const key = pool.take(random, 2);
      const remembered = memory?.key === key && random.chance(FROM_MEMORY_SHARE) ? memory.known : undefined;
      const known = remembered ?? (await read(session, key));
      if (known === undefined || random.chance(READ_ONLY_SHARE)) return;
      const element = `e${elements++}${END}`;
      const list = known.list + element;
      const outcome = await session.perform({
        method: 'PUT',
        key,
        body: list,
        ifRevision: known.revision,
        retries: true,
        invocation: { op: 'append', key, value: element },
      });
      if (outcome.ok === true && outcome.revision !== undefined) {
        memories.set(session, { key, known: { revision: outcome.revision, list } });
      }
    },
  };
}

async function read(session: Session, key: string): Promise<Known | undefined> {
  const outcome = await session.get(key);
  return outcome.ok === true ? { revision: outcome.revision ?? 0, list: outcome.result ?? '' } : undefined;
}

/** Exactly once: no element twice, no acknowledged one missing, no refused or unknown one present. */
export function checkAppends(operations: readonly Operation[], finals: Finals): string[] {
  const problems: string[] = [];
  const fates = new Map<string, Operation>();
  for (const operation of operations) {
    if (operation.op === 'append') fates.set(`${operation.key} ${operation.value ?? ''}`, operation);
  }
  for (const [key, list] of finals) {
    const elements = (list ?? '').split(/(?<=,)/);
    const present = new Set<string>();
    for (const element of elements.filter((each) => each !== '')) {
      if (present.has(element)) problems.push(`${key} has ${element} twice`);
      present.add(element);
      const fate = fates.get(`${key} ${element}`);
      if (fate === undefined) problems.push(`${key} has ${element}, which nobody appended`);
      else if (fate.ok === false) problems.push(`${key} has ${element}, which was refused`);
    }
    for (const { key: where, value, ok } of fates.values()) {
      if (where !== key || ok !== true || present.has(value ?? '')) continue;
      problems.push(`${key} lacks ${value ?? ''}, which was acknowledged`);
    }
  }
  const unread = new Set([...fates.values()].map(({ key }) => key).filter((key) => !finals.has(key)));
  for (const key of unread) problems.push(`${key} was not read at the end`);
  return problems;
}
