/**
 * Banks: transfers between accounts in several shards, some of them in one `{tag}`, and reads of all accounts at once.
 * Every other bank is a namespace, whose accounts are also read by scans: as a page, and as a stream.
 *
 * The total of a bank never changes, and no account is ever below zero. A transfer is two increments, if the account that
 * pays is still what the client has read: by its revision, or by its value. In the history each transaction is one
 * operation a key, all with the same times: the checker judges key by key, the totals are judged here.
 */
import type { Completion, Invocation } from '../../../src/check/index.js';
import type { Recorded } from '../history.js';
import { KeyPool } from '../keys.js';
import type { ClientOutcome, OperationResult } from '../outcome.js';
import type { Session } from '../session.js';
import { fateOf } from './list-append.js';
import type { Finals, Workload } from './workload.js';

export interface BankOptions {
  readonly clients: number;
  readonly operationsPerKey: number;
}

/** What a client has read of an account. */
interface Account {
  readonly key: string;
  readonly balance: number;
  readonly revision: number;
}

type Line = Invocation & Completion;

const CLIENTS_PER_BANK = 5;
const SPREAD = 4;
const TAGGED = 3;
export const OPENED_WITH = 20;
const MOST_MOVED = 8;
const SINGLE_READ_SHARE = 0.1;
const READ_ONLY_SHARE = 0.3;
const BY_VALUE_SHARE = 0.5;
const RETRY_SHARE = 0.5;
const SCAN_SHARE = 0.7;
const STREAM_SHARE = 0.5;

/** Undefined: its accounts are in any shards. */
export const namespaceOf = (bank: string): string | undefined => (/-\d*[13579]$/.test(bank) ? bank : undefined);

/** In the order of their keys. Without a namespace, some are in any shard, some in the shard of the tag. */
export function accountsOf(bank: string): string[] {
  const named = (count: number, name: string): string[] => Array.from({ length: count }, (_, at) => `${name}-${at}`);
  if (namespaceOf(bank) !== undefined) return named(SPREAD + TAGGED, bank);
  return [...named(SPREAD, bank), ...named(TAGGED, `{${bank}}`)];
}

/** The namespace in which an account is. */
function namespaceOfAccount(key: string): string | undefined {
  const bank = /^(.*-\d+)-\d+$/.exec(key)?.[1];
  return bank === undefined ? undefined : namespaceOf(bank);
}

export function bankWorkload({ clients, operationsPerKey }: BankOptions): Workload {
  const active = Math.max(1, Math.ceil(clients / CLIENTS_PER_BANK));
  const pool = new KeyPool({ prefix: 'bank', active, budget: operationsPerKey });
  const opened = new Set<string>();
  const problems: string[] = [];
  let moved = 0;
  let scanned = 0;

  return {
    get keys() {
      return pool.names.flatMap(accountsOf);
    },
    problems: (_, finals) => [
      ...problems,
      ...(moved === 0 ? ['no transfer was done'] : []),
      ...(scanned === 0 && pool.names.some(namespaceOf) ? ['no namespace was scanned'] : []),
      ...pool.names.flatMap((bank) => checkFinals(bank, finals)),
    ],
    read: (session, key) => session.get(key, namespaceOfAccount(key)),
    async step(session) {
      const { random } = session;
      const bank = pool.take(random, 2);
      if (!opened.has(bank)) {
        if ((await open(session, bank)).ok === true) opened.add(bank);
        return;
      }
      if (random.chance(SINGLE_READ_SHARE)) {
        await session.get(random.pick(accountsOf(bank)), namespaceOf(bank));
        return;
      }
      const isScan = namespaceOf(bank) !== undefined && random.chance(SCAN_SHARE);
      const accounts = isScan ? await scanAll(session, bank, problems) : await readAll(session, bank);
      if (accounts === undefined) return;
      if (isScan) scanned += 1;
      problems.push(...checkBalances(bank, accounts));
      if (random.chance(READ_ONLY_SHARE)) return;
      if (await transfer(session, namespaceOf(bank), accounts)) moved += 1;
    },
  };
}

/** All accounts with the same balance, unless there are accounts already. */
async function open(session: Session, bank: string): Promise<ClientOutcome> {
  const keys = accountsOf(bank);
  const namespace = namespaceOf(bank);
  if (namespace !== undefined) {
    const created = await session.createNamespace(namespace);
    if (created.ok !== true) return created;
  }
  return session.transact({
    namespace,
    comparisons: keys.map((key) => ({ key, absent: true })),
    then: keys.map((key) => ({ op: 'put', key, value: OPENED_WITH })),
    retries: true,
    record: (outcome) =>
      recorded(outcome, 'open', (fate) =>
        keys.map((key) => ({ op: 'cas', key, expected: null, value: String(OPENED_WITH), ...fate })),
      ),
  });
}

/** Undefined: it is not known what they are. */
async function readAll(session: Session, bank: string): Promise<readonly (Account | string)[] | undefined> {
  const keys = accountsOf(bank);
  let read: (Account | string)[] | undefined;
  await session.transact({
    namespace: namespaceOf(bank),
    then: keys.map((key) => ({ op: 'get', key })),
    retries: false,
    record: (outcome) => {
      const results = outcome.ok === true ? outcome.results : undefined;
      if (results !== undefined) read = keys.map((key, index) => accountIn(key, results[index]));
      return { ...fateOf(outcome, 'read-all'), operations: (read ?? []).map(lineOf) };
    },
  });
  return read;
}

const lineOf = (account: Account | string): Line =>
  typeof account === 'string'
    ? { op: 'get', key: account, ok: true, result: null }
    : { op: 'get', key: account.key, ok: true, result: String(account.balance) };

/** As `readAll`, by a scan of the namespace. */
async function scanAll(
  session: Session,
  bank: string,
  problems: string[],
): Promise<readonly (Account | string)[] | undefined> {
  let read: (Account | string)[] | undefined;
  await session.scan({
    namespace: namespaceOf(bank) ?? '',
    prefix: `${bank}-`,
    isStream: session.random.chance(STREAM_SHARE),
    record: (outcome) => {
      const items = outcome.ok === true ? outcome.items : undefined;
      if (items !== undefined) {
        problems.push(...checkOrder(bank, items));
        const byKey = new Map(items.map((item) => [item['key'], item]));
        read = accountsOf(bank).map((key) => {
          const item = byKey.get(key);
          return accountIn(key, item && { status: 200, ...item });
        });
      }
      return { ...fateOf(outcome, 'scan'), operations: (read ?? []).map(lineOf) };
    },
  });
  return read;
}

/** A scan names accounts only, each once, in the order of their keys. */
export function checkOrder(bank: string, items: readonly OperationResult[]): string[] {
  const places = items.map((item) => accountsOf(bank).indexOf(String(item['key'])));
  if (places.every((place, at) => place > (places[at - 1] ?? -1))) return [];
  return [`a scan of ${bank} has ${items.map((item) => String(item['key'])).join(', ')}`];
}

/** The name of an account that is not there. */
function accountIn(key: string, result: OperationResult | undefined): Account | string {
  if (result?.['status'] !== 200) return key;
  return { key, balance: Number(result['value']), revision: Number(result['revision']) };
}

/** @returns whether it was done */
async function transfer(
  session: Session,
  namespace: string | undefined,
  accounts: readonly (Account | string)[],
): Promise<boolean> {
  const { random } = session;
  const [from, to] = random.shuffle(accounts.filter((account) => typeof account !== 'string'));
  if (from === undefined || to === undefined || !(from.balance > 0)) return false;
  const amount = random.integer(1, Math.min(MOST_MOVED, from.balance));
  const byValue = random.chance(BY_VALUE_SHARE);
  const { key, balance, revision } = from;
  const legs = [
    { key, by: -amount },
    { key: to.key, by: amount },
  ];
  const outcome = await session.transact({
    namespace,
    comparisons: [byValue ? { key, value: balance } : { key, revision }],
    then: legs.map((leg) => ({ op: 'increment', ...leg, min: 0 })),
    retries: random.chance(RETRY_SHARE),
    record: (result) => {
      const lines = recorded(result, 'transfer', (fate, results) =>
        legs.map((leg, index) => ({
          ...{ op: 'increment', key: leg.key, value: String(leg.by), ...fate },
          ...(results === undefined ? {} : { result: String(results[index]?.['value']) }),
        })),
      );
      // A comparison by value that failed saw another one, which a cas that fails says as well.
      if (!byValue || result.ok !== true || result.succeeded !== false) return lines;
      return { ...lines, operations: [{ op: 'cas', key, expected: String(balance), value: null, ok: false }] };
    },
  });
  return outcome.ok === true && outcome.succeeded === true;
}

type LinesOf = (fate: Completion, results: readonly OperationResult[] | undefined) => readonly Line[];

/** None if the comparisons did not hold. An acknowledged one whose results are left out is as good as unknown. */
function recorded(outcome: ClientOutcome, op: string, linesOf: LinesOf): Recorded {
  const fate = fateOf(outcome, op);
  if (outcome.ok !== true) return { ...fate, operations: linesOf({ ok: outcome.ok, error: outcome.error }, undefined) };
  if (outcome.succeeded === false) return fate;
  const { results } = outcome;
  return { ...fate, operations: linesOf({ ok: results === undefined ? null : true }, results) };
}

/** In one read: none is there, or all are, with nothing lost, made or owed. */
export function checkBalances(bank: string, accounts: readonly (Account | string)[]): string[] {
  const present = accounts.filter((account) => typeof account !== 'string');
  if (present.length === 0) return [`${bank} was opened, and has no account`];
  const [missing] = accounts.filter((account) => typeof account === 'string');
  if (missing !== undefined) return [`${bank} lacks ${missing}, and has others`];
  const shown = present.map(({ balance }) => balance).join(' + ');
  const sum = present.reduce((total, { balance }) => total + balance, 0);
  const expected = accounts.length * OPENED_WITH;
  const problems = sum === expected ? [] : [`${bank} has ${shown} = ${sum}, not ${expected}`];
  const below = present.find(({ balance }) => balance < 0);
  if (below !== undefined) problems.push(`${below.key} is below zero: ${below.balance}`);
  return problems;
}

function checkFinals(bank: string, finals: Finals): string[] {
  const keys = accountsOf(bank);
  const unread = keys.filter((key) => !finals.has(key));
  if (unread.length > 0) return unread.map((key) => `${key} was not read at the end`);
  // A bank that nobody could open.
  if (keys.every((key) => finals.get(key) === null)) return [];
  return checkBalances(
    bank,
    keys.map((key) => {
      const value = finals.get(key) ?? null;
      return value === null ? key : { key, balance: Number(value), revision: 0 };
    }),
  ).map((problem) => `at the end: ${problem}`);
}
