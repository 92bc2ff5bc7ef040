/** A store in memory with increments, deadlines and transactions, in virtual time, which behaves but for what is planted. */
import type { Request } from '../../scripts/jepsen/http.js';
import type { Reply } from '../../scripts/jepsen/outcome.js';
import { Random } from '../../src/random.js';

interface Row {
  readonly value: string;
  readonly revision: number;
  readonly dueMs: number;
}

/** What is wrong with the store. */
export type Flaw =
  | 'forgets-answers'
  | 'loses-writes'
  | 'splits-transactions'
  | 'reads-by-and-by'
  | 'scans-by-and-by'
  | 'scans-twice'
  | 'ignores-comparisons'
  | 'early'
  | 'late';

interface Part {
  readonly op?: string;
  readonly key: string;
  readonly value?: unknown;
  readonly by?: number;
  readonly absent?: true;
  readonly revision?: number;
}

export class DataStore {
  #rows = new Map<string, Row>();
  readonly #answers = new Map<string, Reply>();
  readonly #namespaces = new Set<string>();
  readonly #random = new Random('data store');
  #index = 0;
  nowMs = 0;
  lostAnswers = 0.1;

  constructor(readonly flaw?: Flaw) {}

  ask = async (_: string, request: Request): Promise<Reply> => {
    await this.#step();
    const slow = this.flaw === 'reads-by-and-by' && isReadOnly(request);
    const slowScan = this.flaw === 'scans-by-and-by' && request.method === 'LIST';
    const reply = slow
      ? await this.#byAndBy(request)
      : slowScan
        ? await this.#scannedByAndBy(request)
        : this.#once(request);
    await this.#step();
    return this.#random.chance(this.lostAnswers) ? { type: 'broken', reason: 'planted' } : reply;
  };

  /** A moment, in which others may come in between. */
  async #step(): Promise<void> {
    this.nowMs += 1;
    for (let turns = this.#random.integer(1, 3); turns > 0; turns--) await Promise.resolve();
  }

  async #byAndBy(request: Request): Promise<Reply> {
    const { then } = within(request.namespace, request.body ?? '');
    const results: object[] = [];
    for (const part of then) {
      results.push(this.#run(part));
      await this.#step();
    }
    return said(200, { succeeded: true, results, revisions: {} });
  }

  /** Each account at another moment. */
  async #scannedByAndBy(request: Request): Promise<Reply> {
    const items: object[] = [];
    for (const key of this.#keysOf(request)) {
      items.push(this.#itemOf(key));
      await this.#step();
    }
    return rangeSaid(request, items);
  }

  #once(request: Request): Reply {
    const id = request.headers['idempotency-key'];
    const known = id === undefined || this.flaw === 'forgets-answers' ? undefined : this.#answers.get(id);
    if (known !== undefined) return known;
    const reply = this.#answer(request);
    if (id !== undefined) this.#answers.set(id, reply);
    return reply;
  }

  #answer(request: Request): Reply {
    const { method, namespace, query = '', body = '', headers } = request;
    if (method === 'CREATE') {
      this.#namespaces.add(namespace ?? '');
      return said(201, { name: namespace });
    }
    if (namespace !== undefined && !this.#namespaces.has(namespace)) {
      return said(404, { code: 'namespace-not-found', outcome: 'not_applied' });
    }
    if (method === 'POST') return this.#transaction(within(namespace, body));
    if (method === 'LIST') return this.#listed(request);
    const key = nameIn(namespace, request.key);
    const row = this.#row(key);
    if (method === 'GET') {
      if (row === undefined) return said(404, { code: 'key-not-found', outcome: 'not_applied' });
      return { ...said(200, row.value), headers: { etag: `"${row.revision}"`, replayed: false } };
    }
    if (method === 'PATCH') return this.#patch(key, JSON.parse(body) as { by?: number; ttl?: string | null });
    if (headers['if-none-match'] !== undefined && row !== undefined) return refused(row.revision);
    const ttl = /^\?ttl=(\d+)ms$/.exec(query)?.[1];
    this.#put(key, body, ttl === undefined ? Infinity : this.nowMs + Number(ttl));
    return said(200, { revision: this.#index });
  }

  #listed(request: Request): Reply {
    const keys = this.#keysOf(request);
    const [first] = keys;
    if (this.flaw === 'scans-twice' && first !== undefined && this.#random.chance(0.1)) keys.push(first);
    return rangeSaid(
      request,
      keys.map((key) => this.#itemOf(key)),
    );
  }

  #keysOf({ namespace, query = '' }: Request): string[] {
    const prefix = nameIn(namespace, decodeURIComponent(query.replace('?prefix=', '')));
    return [...this.#rows.keys()].filter((key) => key.startsWith(prefix)).sort();
  }

  #itemOf(key: string): object {
    return { ...this.#run({ op: 'get', key }), key: key.slice(key.indexOf('/') + 1) };
  }

  #patch(key: string, { by, ttl }: { by?: number; ttl?: string | null }): Reply {
    const row = this.#row(key);
    if (by !== undefined) return said(200, { ...this.#run({ op: 'increment', key, by }) });
    if (row === undefined) return refused(0);
    this.#put(key, row.value, typeof ttl === 'string' ? this.nowMs + Number.parseInt(ttl) : Infinity);
    return said(200, { revision: this.#index });
  }

  #transaction({ if: ifs, then }: { if: Part[]; then: Part[] }): Reply {
    const holds = ifs.every((part) => this.#holds(part)) || this.flaw === 'ignores-comparisons';
    if (!holds) return said(200, { succeeded: false, results: [], revisions: {} });
    const before = new Map(this.#rows);
    const results = then.map((part) => this.#run(part));
    // Only the first of several writes stays.
    const [first] = then.filter(({ op }) => op !== 'get');
    if (this.flaw === 'splits-transactions' && this.#random.chance(0.1) && first !== undefined) {
      const row = this.#rows.get(first.key);
      this.#rows = before;
      if (row !== undefined) this.#rows.set(first.key, row);
    }
    return said(200, { succeeded: true, results, revisions: {} });
  }

  #holds({ key, absent, revision, value }: Part): boolean {
    const row = this.#row(key);
    if (absent === true) return row === undefined;
    return revision === undefined ? row?.value === String(value) : row?.revision === revision;
  }

  #run({ op, key, by = 0, value }: Part): Readonly<Record<string, unknown>> {
    const row = this.#row(key);
    if (op === 'get') {
      if (row === undefined) return { status: 404, code: 'key-not-found' };
      const isNumber = /^-?\d+$/.test(row.value);
      const shown = isNumber
        ? { value: Number(row.value) }
        : { value_base64: Buffer.from(row.value).toString('base64') };
      return { status: 200, key, ...shown, revision: row.revision };
    }
    const number = Number(row?.value ?? 0) + by;
    const text =
      op === 'increment' ? String(number) : op === 'append' ? `${row?.value ?? ''}${String(value)}` : String(value);
    this.#put(key, text, row?.dueMs ?? Infinity);
    return { status: 200, revision: this.#index, ...(op === 'increment' ? { value: number, applied: by } : {}) };
  }

  #row(key: string): Row | undefined {
    const row = this.#rows.get(key);
    const shift = this.flaw === 'late' ? 1_000 : this.flaw === 'early' ? -80 : 0;
    return row === undefined || row.dueMs + shift <= this.nowMs ? undefined : row;
  }

  #put(key: string, value: string, dueMs: number): void {
    this.#index += 1;
    if (this.flaw === 'loses-writes' && this.#random.chance(0.1)) return;
    this.#rows.set(key, { value, revision: this.#index, dueMs });
  }
}

const nameIn = (namespace: string | undefined, key: string): string =>
  namespace === undefined ? key : `${namespace}/${key}`;

/** A transaction with the keys as the store has them. */
function within(namespace: string | undefined, body: string): { if: Part[]; then: Part[] } {
  const asked = JSON.parse(body) as { if: Part[]; then: Part[] };
  const named = (parts: Part[]): Part[] => parts.map((part) => ({ ...part, key: nameIn(namespace, part.key) }));
  return { if: named(asked.if), then: named(asked.then) };
}

/** As a page, or as a stream. */
function rangeSaid({ headers }: Request, items: readonly object[]): Reply {
  if (headers['accept'] !== 'application/x-ndjson') return said(200, { items, cursor: null, revisions: {} });
  const lines = [...items, { end: true, count: items.length, revisions: {} }];
  return said(200, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

const isReadOnly = ({ method, body = '' }: Request): boolean =>
  method === 'POST' && (JSON.parse(body) as { then: Part[] }).then.every(({ op }) => op === 'get');

const said = (status: number, json: object | string): Extract<Reply, { type: 'answer' }> => ({
  ...{ type: 'answer', status, headers: { etag: undefined, replayed: false } },
  body: typeof json === 'string' ? json : JSON.stringify(json),
});

const refused = (revision: number): Reply =>
  said(412, { code: 'precondition-failed', outcome: 'not_applied', current_revision: revision });
