/**
 * What the log says of a data request that took long: where its time went, as far as this process can know.
 *
 *     startedAt ─ receiveMs ─ dispatched ─ searchMs ─ the latest attempt leaves ─ nodeMs ─ answered
 *
 * `receiveMs`: until its body was here. `searchMs`: until the attempt that was the last left, so earlier attempts, and
 * waiting for a leader. `nodeMs`: at the node that was asked then (its queue; the commit, or the round that confirms a
 * read; the way there and back, if it is another process). Of a node in this process the line also says what ails it.
 *
 * All of it is computed when a request has turned out to be slow, from what is kept of every request anyway: a quick one
 * pays for nothing here. Lines are bounded, for when everything is slow they must not make it slower.
 */
import { type Consistency, type Logger } from '../../shard/index.js';
import type { Backend, Dispatcher, DispatchReply, CallTrace } from '../dispatch/index.js';
import type { RequestObserver } from './routes.js';

/** Longer than this is slow. */
export const SLOW_MS = 500;
/** The first ones of each second. */
export const LINES_PER_SECOND = 5;

export interface SlowRequest {
  readonly requestId: string;
  readonly method: string | undefined;
  /** Without what a client put in. */
  readonly route: string;
  readonly status: number;
  readonly code: string;
  readonly ms: number;
  readonly startedAt: number;
}

export interface Dispatched {
  readonly reply: DispatchReply;
  /** What it had when it was dispatched. */
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
  /** When the second began in which lines are counted. */
  #since = -Infinity;
  #lines = 0;

  constructor(options: SlowRequestsOptions) {
    this.#options = options;
  }

  /** `dispatched`: undefined for one that came to no shard. */
  tell({ startedAt, ms, ...request }: SlowRequest, dispatched: Dispatched | undefined): void {
    const { logger, observer } = this.#options;
    const mayLog = this.#mayLog(startedAt + ms);
    observer.slow?.(mayLog);
    if (!mayLog) return;
    const total = { ...request, ms: whole(ms) };
    logger.warn(dispatched === undefined ? total : { ...total, ...this.#whereTo(dispatched, ms) }, 'slow-request');
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

  #whereTo({ reply, deadlineMs, consistency }: Dispatched, ms: number): object {
    const { shard, way } = reply;
    if (way === undefined) return { shard, consistency };
    const sinceDispatchedMs = deadlineMs - this.#options.dispatcher.leftMs(way);
    // A deadline says of each moment how long ago the operation began: what was left when the attempt left, is left now.
    const searchMs = way.request === undefined ? sinceDispatchedMs : deadlineMs - way.request.budgetMs;
    const nodeMs = sinceDispatchedMs - searchMs;
    return {
      shard,
      consistency,
      // Not `node`: under that name each line of the log says which process it is from.
      askedNode: way.lastAsked,
      receiveMs: whole(ms - sinceDispatchedMs),
      searchMs: whole(searchMs),
      nodeMs: whole(nodeMs),
      attempts: way.attempt,
      waits: way.round,
      ...this.#ailing(shard, way),
    };
  }

  /** Of the node in this process, if it is the one that was asked: at this moment, so it may be over. */
  #ailing(shard: number, { lastAsked }: CallTrace): object {
    const { backend } = this.#options;
    const health = lastAsked !== undefined && lastAsked === backend.self ? backend.health() : undefined;
    if (health === undefined) return {};
    const commitWaitMs = health.stalled.find((each) => each.shard === shard)?.ms ?? 0;
    return { diskPendingMs: whole(health.diskPendingMs), commitWaitMs: whole(commitWaitMs) };
  }
}

/** Differences of clocks are not exact. */
const whole = (ms: number): number => Math.max(0, Math.round(ms));
