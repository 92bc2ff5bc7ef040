/**
 * Log lines of slow data requests: where the time went, as far as this process can know.
 *
 *     startedAt ─ receiveMs ─ dispatched ─ searchMs ─ the latest attempt leaves ─ nodeMs ─ answered
 *
 * `receiveMs`: until its body was received. `searchMs`: until the last attempt was sent, so earlier attempts, and
 * waiting for a leader. `nodeMs`: at the node that was asked last (its queue; the commit, or the round that confirms a
 * read; the network, if it is another process). For a node in this process the line also has its pending disk write and
 * commit.
 *
 * All of it is computed once a request was slow, from what is kept of every request anyway: fast ones pay nothing.
 * Lines are limited, for when everything is slow they must not make it slower.
 */
import { type Consistency, type Logger } from '../../shard/index.js';
import type { Backend, Dispatcher, DispatchReply, CallTrace } from '../dispatch/index.js';
import type { RequestObserver } from './exchange.js';

/** A request that takes longer is slow. */
export const SLOW_MS = 500;
/** The first of each second are logged. */
export const LINES_PER_SECOND = 5;

export interface SlowRequest {
  readonly requestId: string;
  readonly method: string | undefined;
  /** The route without the client's key. */
  readonly route: string;
  readonly status: number;
  readonly code: string;
  readonly ms: number;
  readonly startedAt: number;
}

export interface Dispatched {
  readonly reply: DispatchReply;
  /** Its deadline when it was dispatched. */
  readonly deadlineMs: number;
  readonly consistency: Consistency;
}

export interface SlowRequestsOptions {
  readonly backend: Backend;
  readonly dispatcher: Pick<Dispatcher, 'leftMs'>;
  readonly logger: Logger;
  readonly observer: RequestObserver;
}

export class SlowRequests {
  readonly #options: SlowRequestsOptions;
  /** Start of the second in which lines are counted. */
  #since = -Infinity;
  #lines = 0;

  constructor(options: SlowRequestsOptions) {
    this.#options = options;
  }

  /** @param dispatched undefined for a request that reached no shard */
  report({ startedAt, ms, ...request }: SlowRequest, dispatched: Dispatched | undefined): void {
    const { logger, observer } = this.#options;
    const mayLog = this.#mayLog(startedAt + ms);
    observer.slow?.(mayLog);
    if (!mayLog) return;
    const total = { ...request, ms: wholeMs(ms) };
    logger.warn(dispatched === undefined ? total : { ...total, ...this.#breakdown(dispatched, ms) }, 'slow-request');
  }

  #mayLog(now: number): boolean {
    if (now - this.#since >= 1_000) {
      this.#since = now;
      this.#lines = 0;
    }
    if (this.#lines >= LINES_PER_SECOND) return false;
    this.#lines += 1;
    return true;
  }

  #breakdown({ reply, deadlineMs, consistency }: Dispatched, ms: number): object {
    const { shard, way } = reply;
    if (way === undefined) return { shard, consistency };
    const sinceDispatchedMs = deadlineMs - this.#options.dispatcher.leftMs(way);
    // The remaining deadline shows how long ago the operation began: at the last attempt, and now.
    const searchMs = way.request === undefined ? sinceDispatchedMs : deadlineMs - way.request.budgetMs;
    const nodeMs = sinceDispatchedMs - searchMs;
    return {
      shard,
      consistency,
      // Not `node`: in each line of the log that field names the process that wrote it.
      askedNode: way.lastAsked,
      receiveMs: wholeMs(ms - sinceDispatchedMs),
      searchMs: wholeMs(searchMs),
      nodeMs: wholeMs(nodeMs),
      attempts: way.attempt,
      waits: way.round,
      ...this.#localWaits(shard, way),
    };
  }

  /** Waits of the node in this process, if it was asked last: measured now, so the wait may be over already. */
  #localWaits(shard: number, { lastAsked }: CallTrace): object {
    const { backend } = this.#options;
    const health = lastAsked !== undefined && lastAsked === backend.self ? backend.health() : undefined;
    if (health === undefined) return {};
    const commitWaitMs = health.stalled.find((each) => each.shard === shard)?.ms ?? 0;
    return { diskPendingMs: wholeMs(health.diskPendingMs), commitWaitMs: wholeMs(commitWaitMs) };
  }
}

/** Differences of clocks are not exact. */
const wholeMs = (ms: number): number => Math.max(0, Math.round(ms));
