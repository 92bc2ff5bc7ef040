/**
 * Keys with a time to live: none goes before its time, and none stays for long after it.
 *
 * The checker finds one that went early. One that stayed is found here, and only where it can be told from a shard
 * without a leader: no fault was in force since a while before the key was written, and every operation since the
 * deadline was answered; what the slowest of these took is allowed on top, because the machine may be busy.
 */
import type { Operation } from '../../../src/check/index.js';
import type { FaultWindow } from '../nemesis.js';
import { KeyPool } from '../keys.js';
import type { Session } from '../session.js';
import type { Workload } from './workload.js';

export interface TtlOptions {
  readonly clients: number;
  readonly operationsPerKey: number;
}

const CLIENTS_PER_KEY = 2;
const TTL_MS = [100, 2_000] as const;
const GET_SHARE = 0.45;
const PUT_TTL_SHARE = 0.3;
const TOUCH_SHARE = 0.12;
const PUT_SHARE = 0.06;
const FOREVER_SHARE = 0.25;
const RETRY_SHARE = 0.3;
/** Share of the puts with a time to live after which the client looks at the key around its deadline. */
const LOOK_SHARE = 0.3;
const JUST_BEFORE = 0.9;
const TOUCH_TYPE = 'application/vnd.kvorum.touch+json';

const NS_PER_MS = 1_000_000;
/** Within this a key is gone, while its shard has a leader. */
const GONE_WITHIN_NS = 250 * NS_PER_MS;
/** The cluster's time may run slower than the recorder's by this share. */
const SLOWER = 0.1;
/** After a fault, elections and clocks need a moment. */
const SETTLING_NS = 3_000 * NS_PER_MS;

export function ttlWorkload({ clients, operationsPerKey }: TtlOptions): Workload {
  const active = Math.max(2, Math.ceil(clients / CLIENTS_PER_KEY));
  const pool = new KeyPool({ prefix: 't', active, budget: operationsPerKey });
  let values = 0;
  const fresh = (): string => `v${values++}`;

  return {
    get keys() {
      return pool.names;
    },
    problems: (operations, _, windows = []) => [
      ...(someExpired(operations) ? [] : ['no key was seen to expire']),
      ...overdue(operations, windows),
    ],
    async step(session) {
      const { random } = session;
      const key = pool.take(random, 3);
      const ttlMs = random.integer(...TTL_MS);
      const draw = random.next();
      const writes = GET_SHARE + PUT_TTL_SHARE;
      if (draw < GET_SHARE) await session.get(key);
      else if (draw < writes) await putAndLook(session, key, { value: fresh(), ttlMs });
      else if (draw < writes + TOUCH_SHARE) await touch(session, key, random.chance(FOREVER_SHARE) ? undefined : ttlMs);
      else if (draw < writes + TOUCH_SHARE + PUT_SHARE) await put(session, key, { value: fresh() });
      else await create(session, key, { value: fresh(), ttlMs });
    },
  };
}

interface Content {
  readonly value: string;
  readonly ttlMs?: number;
}

const inNs = (ttlMs: number | undefined) => (ttlMs === undefined ? {} : { ttl: ttlMs * NS_PER_MS });

function put(session: Session, key: string, { value, ttlMs }: Content) {
  const retries = session.random.chance(RETRY_SHARE);
  const invocation = { op: 'put', key, value, ...inNs(ttlMs) } as const;
  return session.perform({ method: 'PUT', key, body: value, ttlMs, retries, invocation });
}

async function putAndLook(session: Session, key: string, content: Required<Content>): Promise<void> {
  const { ok } = await put(session, key, content);
  if (ok !== true || !session.random.chance(LOOK_SHARE)) return;
  await session.pause(content.ttlMs * JUST_BEFORE);
  await session.get(key);
  await session.pause(content.ttlMs * (1 - JUST_BEFORE) + GONE_WITHIN_NS / NS_PER_MS);
  await session.get(key);
}

/** Only if the key is absent: one that is due counts as absent. */
function create(session: Session, key: string, { value, ttlMs }: Content) {
  const invocation = { op: 'cas', key, expected: null, value, ...inNs(ttlMs) } as const;
  return session.perform({ method: 'PUT', key, body: value, ttlMs, ifRevision: 0, retries: false, invocation });
}

function touch(session: Session, key: string, ttlMs: number | undefined) {
  const body = JSON.stringify({ ttl: ttlMs === undefined ? null : `${ttlMs}ms` });
  const invocation = { op: 'touch', key, ...inNs(ttlMs) } as const;
  return session.perform({ method: 'PATCH', key, body, contentType: TOUCH_TYPE, retries: false, invocation });
}

/** A value is only ever replaced, or expires: a key that was there and is absent has expired. */
function someExpired(operations: readonly Operation[]): boolean {
  const written = new Map<string, Operation['end']>();
  for (const { op, key, ok, end } of operations) {
    if (op === 'put' && ok === true && !written.has(key)) written.set(key, end);
  }
  return operations.some(({ op, key, ok, result, start }) => {
    const since = written.get(key);
    return op === 'get' && ok === true && result === null && since !== undefined && since < start;
  });
}

/** Reads that found a value whose deadline had long passed. */
export function overdue(operations: readonly Operation[], windows: readonly FaultWindow[]): string[] {
  const byKey = new Map<string, Operation[]>();
  for (const operation of operations) {
    const same = byKey.get(operation.key);
    if (same === undefined) byKey.set(operation.key, [operation]);
    else same.push(operation);
  }
  return operations.flatMap((read): string[] => {
    if (read.op !== 'get' || read.ok !== true || typeof read.result !== 'string') return [];
    const due = latestDeadline(read, byKey.get(read.key) ?? []);
    if (due === undefined) return [];
    const lateNs = Number(read.start) - due.at;
    if (lateNs <= GONE_WITHIN_NS) return [];
    const end = Number(read.end);
    const hurt = windows.some((window) => window.start < end && window.end + SETTLING_NS > due.since);
    const allowed = GONE_WITHIN_NS + slowest(operations, due.at, end);
    if (hurt || lateNs <= allowed) return [];
    const late = Math.round(lateNs / NS_PER_MS);
    return [`${read.key} was read as ${read.result} ${late} ms after its deadline`];
  });
}

interface Due {
  /** When the value was requested. */
  readonly since: number;
  /** The latest moment at which it can have been due. */
  readonly at: number;
}

/** Undefined: it has no deadline, or it cannot be told. */
function latestDeadline(read: Operation, same: readonly Operation[]): Due | undefined {
  const write = same.find(
    ({ op, value, ok }) => (op === 'put' || op === 'cas') && value === read.result && ok === true,
  );
  const first = deadlineOf(write);
  if (write === undefined || first === undefined) return undefined;
  let at = first;
  for (const each of same) {
    if (each.op !== 'touch' || each.ok === false || each.start > read.end) continue;
    if (each.ok === true && each.end < write.start) continue;
    const next = each.ok === true ? deadlineOf(each) : undefined;
    if (next === undefined) return undefined;
    at = Math.max(at, next);
  }
  return { since: Number(write.start), at };
}

const deadlineOf = (write: Operation | undefined): number | undefined =>
  write?.ttl === undefined ? undefined : Number(write.end) + Number(write.ttl) * (1 + SLOWER);

/** What the slowest operation within the time took; without end if one of them failed. */
function slowest(operations: readonly Operation[], from: number, to: number): number {
  const within = operations.filter(({ start, end }) => Number(start) < to && Number(end) > from);
  if (within.some(({ ok, error }) => ok === null || (!ok && error !== undefined && !isAnswer(error)))) {
    return Infinity;
  }
  return within.reduce((most, { start, end }) => Math.max(most, Number(end) - Number(start)), 0);
}

const isAnswer = (error: string): boolean => error === 'precondition-failed';
