/**
 * Registers: put, get, cas and delete on rotating keys, with unique values.
 *
 * The store compares revisions, the history values. `If-Match: R` is recorded as a cas that expects the value which had
 * revision R when this client read or wrote it. Values are unique and a value has one revision (`revisions.ts` checks
 * that), so "the revision is R" and "the value is the one of R" are the same claim; where the store confuses revisions,
 * the recorded claim is wrong and the checker finds it. `If-None-Match: *` expects absence. A failed condition observes
 * that the value was another one, and which, if any client has seen the revision that it names.
 */
import { KeyPool } from '../keys.js';
import type { ClientOutcome } from '../outcome.js';
import type { Session, Task } from '../session.js';
import type { Workload } from './workload.js';

/** What a client knows of a key: 0 and null = absent. */
interface Known {
  readonly revision: number;
  readonly value: string | null;
}

export interface RegisterOptions {
  readonly clients: number;
  readonly operationsPerKey: number;
  /** Contradictions of revisions. */
  readonly contradictions: () => readonly string[];
}

const CLIENTS_PER_KEY = 3;
const GET_SHARE = 0.4;
const PUT_SHARE = 0.25;
const DELETE_SHARE = 0.07;
const CAS_DELETE_SHARE = 0.2;
/** A cas based on old knowledge mostly fails, one right after a read mostly succeeds; both are wanted. */
const CAS_AFTER_READ_SHARE = 0.6;
const RETRY_SHARE = 0.3;
/** In one step: a read and a cas. */
const MOST_OPERATIONS = 2;

export function registerWorkload(options: RegisterOptions): Workload {
  const active = Math.max(2, Math.ceil(options.clients / CLIENTS_PER_KEY));
  const pool = new KeyPool({ prefix: 'r', active, budget: options.operationsPerKey });
  const memories = new Map<Session, Map<string, Known>>();
  let values = 0;
  const fresh = (): string => `v${values++}`;

  return {
    get keys() {
      return pool.names;
    },
    problems: () => [...options.contradictions()],
    async step(session) {
      const memory = memories.get(session) ?? new Map<string, Known>();
      memories.set(session, memory);
      const { random } = session;
      const key = pool.take(random, MOST_OPERATIONS);
      const perform = async (task: Task): Promise<void> => {
        const known = afterwards(task, await session.perform(task));
        if (known === undefined) memory.delete(key);
        else memory.set(key, known);
      };
      const draw = random.next();
      const retries = random.chance(RETRY_SHARE);
      if (draw < GET_SHARE) await perform(readOf(key));
      else if (draw < GET_SHARE + PUT_SHARE) await perform(putOf(key, fresh(), retries));
      else if (draw < GET_SHARE + PUT_SHARE + DELETE_SHARE) await perform(deleteOf(key, retries));
      else {
        if (!memory.has(key) || random.chance(CAS_AFTER_READ_SHARE)) await perform(readOf(key));
        const known = memory.get(key);
        if (known !== undefined)
          await perform(casOf(key, known, random.chance(CAS_DELETE_SHARE) ? null : fresh(), retries));
      }
    },
  };
}

const readOf = (key: string): Task => ({ method: 'GET', key, retries: false, invocation: { op: 'get', key } });

const putOf = (key: string, value: string, retries: boolean): Task => ({
  ...{ method: 'PUT', key, body: value, retries },
  invocation: { op: 'put', key, value },
});

const deleteOf = (key: string, retries: boolean): Task => ({
  ...{ method: 'DELETE', key, retries },
  invocation: { op: 'delete', key },
});

/** @param value null = delete the key, if it exists */
function casOf(key: string, known: Known, value: string | null, retries: boolean): Task {
  const conditional = { key, ifRevision: known.revision, retries };
  const invocation = { op: 'cas', key, expected: known.value, value } as const;
  if (value !== null) return { method: 'PUT', ...conditional, body: value, invocation };
  // The API cannot express "delete it if it is absent".
  return known.value === null ? readOf(key) : { method: 'DELETE', ...conditional, invocation };
}

/** What the client knows after the operation; undefined: nothing. */
function afterwards({ method, body }: Task, outcome: ClientOutcome): Known | undefined {
  if (outcome.ok !== true) return undefined;
  const { revision, result } = outcome;
  if (method === 'DELETE') return { revision: 0, value: null };
  if (method === 'GET') return { revision: revision ?? 0, value: result ?? null };
  return revision === undefined || body === undefined ? undefined : { revision, value: body };
}
