/**
 * Requests of a client of ranges that read: pages one after another with a cursor, counts, and streams that are read
 * slowly. Every answer is judged by what the shards held at the revisions that it names (`range-oracle.ts`).
 */
import {
  askWithin,
  countKeys,
  isEmptyRange,
  RangeStream,
  readPage,
  type AskShard,
  type Page,
} from '../router/index.js';
import { binaryString, groupOfShard, type Consistency, type List } from '../shard/index.js';
import type { ClientEndpoint } from './client.js';
import { LineReader, lineText } from './line-reader.js';
import {
  difference,
  expectedItems,
  judgeCount,
  judgeFreshness,
  judgeMissing,
  judgePage,
  judgeScan,
  partBefore,
  partBehind,
  type ReadQuery,
  type Revisions,
} from './range-oracle.js';
import { groupingOf, namespacesRange, planRange, type NamedRange } from './range-programs.js';
import type { RangeTools } from './range-tools.js';

export interface ScanPlan {
  readonly name: string;
  readonly query: ReadQuery;
  readonly limit: number;
  /** Undefined: as in production. */
  readonly shareRows: number | undefined;
  readonly consistency: Consistency;
  readonly deadlineMs: number;
  /** Pages that may fail before the scan is given up. */
  readonly mostFailures: number;
}

interface Scan extends ScanPlan {
  /** Keys of all pages so far, as binary strings. */
  readonly seen: string[];
  readonly revisions: Revisions[];
  failures: number;
  readonly done: (isWhole: boolean) => void;
}

const PATIENCE_MS = 100;
const MOST_FAILURES = 2;
const AGAIN_AFTER_MS = 30;
const LONGEST_REST_MS = 20;
const STREAM_MS = 4_000;

export class RangeReader {
  readonly #tools: RangeTools;

  constructor(tools: RangeTools) {
    this.#tools = tools;
  }

  planScan(): ScanPlan {
    const { random } = this.#tools;
    const isOfNamespaces = random.chance(0.1);
    const range = isOfNamespaces ? namespacesRange(this.#tools) : planRange(this.#tools);
    const grouping = !isOfNamespaces && random.chance(0.2) ? groupingOf(range) : undefined;
    const content = isOfNamespaces ? 'namespaces' : random.pick(['values', 'values', 'keys'] as const);
    return {
      name: isOfNamespaces ? 'list namespaces' : 'scan',
      query: { ...readable(range), reverse: random.chance(0.4), content, grouping },
      limit: random.pick([1, 2, 3, 5, 10, 100]),
      shareRows: random.chance(0.3) ? random.integer(1, 3) : undefined,
      consistency: this.#consistency(),
      deadlineMs: random.pick([500, 1_000, 3_000]),
      mostFailures: MOST_FAILURES,
    };
  }

  /** Reads page after page. @param done false: it was given up */
  scan(plan: ScanPlan, done: (isWhole: boolean) => void): void {
    this.#nextPage({ ...plan, seen: [], revisions: [], failures: 0, done }, plan.query);
  }

  count(done: () => void): void {
    const { requester, random, histories, concluded } = this.#tools;
    const query = {
      ...readable(planRange(this.#tools)),
      reverse: false,
      content: 'keys',
      grouping: undefined,
    } as const;
    const consistency = this.#consistency();
    const least = this.#revisionsOf(query.shards);
    const deadlineMs = random.pick([500, 1_000, 3_000]);
    const task = (endpoint: ClientEndpoint) => countKeys(this.#ask(endpoint, deadlineMs), { ...query, consistency });
    requester.send(task, deadlineMs + PATIENCE_MS, (counted) => {
      if (counted?.type === 'count') {
        this.#judged('count', judgeCount(histories, query, counted));
        if (consistency !== 'stale') this.#judged('count', judgeFreshness(counted.revisions, least));
      }
      concluded('count', counted?.type === 'count' ? 'ok' : 'failed');
      done();
    });
  }

  stream(done: () => void): void {
    const { requester, random, concluded } = this.#tools;
    const range = planRange(this.#tools);
    const grouping = random.chance(0.15) ? groupingOf(range) : undefined;
    const content = random.pick(['values', 'values', 'keys'] as const);
    const query = { ...readable(range), reverse: random.chance(0.4), content, grouping };
    const limit = random.chance(0.2) ? random.integer(1, 10) : Infinity;
    const consistency = this.#consistency();
    const least = consistency === 'stale' ? new Map<number, number>() : this.#revisionsOf(query.shards);
    const opened = new Map<number, number>();
    let reader: LineReader | undefined;
    const task = (endpoint: ClientEndpoint): Promise<unknown> => {
      reader = this.#readerOf(endpoint);
      return this.#runStream(endpoint, reader, { ...query, limit, consistency }, opened);
    };
    requester.send(task, STREAM_MS, () => {
      reader?.leave();
      this.#judged('stream', judgeFreshness(opened, least));
      if (reader !== undefined) this.#judgeStream(query, reader, opened);
      concluded('stream', reader?.ending?.isWhole === true ? 'ok' : 'failed');
      done();
    });
  }

  #consistency(): Consistency {
    const { random, scenario } = this.#tools;
    if (random.chance(0.15)) return 'stale';
    return scenario.leaseReads && random.chance(0.5) ? 'lease' : 'linearizable';
  }

  #revisionsOf(shards: readonly number[]): Revisions {
    return new Map(shards.map((shard) => [shard, this.#tools.revisionOf(shard)]));
  }

  #ask({ dispatcher }: ClientEndpoint, deadlineMs: number): AskShard {
    const { scheduler } = this.#tools;
    const source = { execute: dispatcher.execute.bind(dispatcher), now: () => scheduler.now };
    return askWithin(source, { deadlineMs, forward: true });
  }

  #judged(name: string, wrong: string | undefined): void {
    if (wrong !== undefined) this.#tools.violated(`${name}: ${wrong}`);
  }

  #nextPage(scan: Scan, part: ReadQuery): void {
    const { requester, scheduler, random, concluded } = this.#tools;
    const { name, limit, shareRows, consistency, deadlineMs } = scan;
    const how = { limit, consistency, ...(shareRows === undefined ? {} : { shareRows }) };
    const least = this.#revisionsOf(part.shards);
    const task = (endpoint: ClientEndpoint) => readPage(this.#ask(endpoint, deadlineMs), { ...part, ...how });
    requester.send(task, deadlineMs + PATIENCE_MS, (page) => {
      if (page?.type !== 'page') {
        const isMissing = page?.refusal.code === 'namespace-not-found';
        if (isMissing) this.#judged(name, this.#judgeMissing(scan, least));
        concluded(name, isMissing ? 'ok' : 'failed');
        if (isMissing || ++scan.failures > scan.mostFailures) scan.done(false);
        else
          scheduler.after(random.between(0, AGAIN_AFTER_MS), undefined, () => {
            this.#nextPage(scan, part);
          });
        return;
      }
      this.#take(scan, part, page, least);
      concluded(name, 'ok');
      const { rest } = page;
      if (rest === undefined) this.#finish(scan);
      else
        scheduler.after(random.between(0, LONGEST_REST_MS), undefined, () => {
          this.#nextPage(scan, partBehind(part, rest));
        });
    });
  }

  #take({ name, limit, consistency, seen, revisions }: Scan, part: ReadQuery, page: Page, least: Revisions): void {
    const { histories, reached } = this.#tools;
    this.#judged(name, judgePage(histories, { ...part, limit }, page));
    if (consistency !== 'stale') this.#judged(name, judgeFreshness(page.revisions, least));
    if (page.rest !== undefined && page.items.length < limit) reached('page-cut-short');
    for (const { item } of page.items) seen.push(binaryString(item.key, 0, item.key.length));
    revisions.push(page.revisions);
  }

  #finish({ name, query, seen, revisions, done }: Scan): void {
    const isOfKeys = query.content !== 'namespaces' && query.grouping === undefined;
    if (isOfKeys) this.#judged(name, judgeScan(this.#tools.histories, query, { seen, revisions }));
    done(true);
  }

  #judgeMissing({ query, consistency }: Scan, least: Revisions): string | undefined {
    if (consistency === 'stale') return undefined;
    const { histories, revisionOf } = this.#tools;
    const [shard = 0] = query.shards;
    const during = { from: least.get(shard) ?? 0, to: revisionOf(shard) };
    return judgeMissing(histories(shard), query.from, during);
  }

  #readerOf({ incarnation }: ClientEndpoint): LineReader {
    const { scheduler, random } = this.#tools;
    return new LineReader({ scheduler, random, incarnation, restMs: random.pick([1, 10, 40]) });
  }

  async #runStream(
    endpoint: ClientEndpoint,
    reader: LineReader,
    query: ReadQuery & { readonly content: 'values' | 'keys'; limit: number; consistency: Consistency },
    opened: Map<number, number>,
  ): Promise<unknown> {
    const { random } = this.#tools;
    const ask = this.#ask(endpoint, STREAM_MS);
    const compactedAt = new Map<number, number>();
    const open: AskShard = async (list) => {
      const reply = await ask(list);
      if (reply.answer.type === 'list') opened.set(reply.shard, reply.answer.revision);
      compactedAt.set(reply.shard, this.#compactedAt(reply.servedBy, reply.shard));
      return reply;
    };
    const next = async (node: number, list: List) => {
      const reply = await endpoint.dispatcher.askNode(node, list, STREAM_MS);
      const before = compactedAt.get(list.shard) ?? Infinity;
      const isRead = reply.answer.type === 'list' && list.view?.isLast === false;
      if (isRead && this.#compactedAt(node, list.shard) > before) this.#tools.reached('view-outlived-checkpoint');
      return reply;
    };
    const cursorAt = (bound: Uint8Array): string => Buffer.from(bound).toString('hex');
    const stream = new RangeStream(reader, { ...query, shareRows: random.integer(1, 3) }, { open, next, cursorAt });
    if ((await stream.open()) !== undefined) return undefined;
    return stream.run();
  }

  /** The log of a node's replica begins behind this index, which its last checkpoints cover. */
  #compactedAt(node: number, shard: number): number {
    const replicas = this.#tools.nodes.find(({ id }) => id === node)?.replicas() ?? [];
    for (const { id, raft } of replicas) if (id === groupOfShard(shard)) return raft.log.snapshotIndex;
    return 0;
  }

  /** What was read is the beginning of what the shards held when it began; if the stream says that it is whole, all. */
  #judgeStream(query: ReadQuery, { lines, ending }: LineReader, opened: Revisions): void {
    const { histories } = this.#tools;
    if (opened.size < query.shards.length) return;
    const got = lines.map(lineText);
    const expected = expectedItems(histories, partBefore(query, ending?.rest), opened);
    const all = ending === undefined ? expected.slice(0, got.length) : expected;
    this.#judged('stream', difference(got, all, opened));
    if (ending?.isWhole !== true) return;
    const { count, revisions = new Map<number, number>() } = ending;
    if (count !== got.length) this.#judged('stream', `${got.length} lines, and its end counts ${count ?? 0}`);
    this.#judged('stream', judgeFreshness(opened, revisions) ?? judgeFreshness(revisions, opened));
  }
}

/** Without shards, if it is empty. */
function readable({ from, to, shards }: NamedRange): Pick<ReadQuery, 'from' | 'to' | 'shards'> {
  return { from, to, shards: isEmptyRange({ from, to }) ? [] : shards };
}
