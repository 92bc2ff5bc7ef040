/**
 * Turns one store's calls to its worker into promises.
 *
 * Replies to commits arrive in the order of the calls, and promises settle in the order of the replies.
 */
import { toError } from '../failure.js';
import type { CallResult, Request, Results, Notification } from '../engine/protocol.js';
import type { StallReport } from '../engine/stall.js';
import { StorageFailure } from '../storage.js';
import type { FileSizes } from '../storage.js';
import type { SqliteWorker, StoreChannel } from './sqlite-thread.js';

/**
 * How long closing a store may take: the work in progress, and two syncs. Acknowledged commits are on the disk already,
 * so there is no need to wait for a disk that hangs.
 */
export const CLOSE_LIMIT_MS = 3_000;

/** Calls `task` after `ms`, unless the returned function is called first. */
export type After = (ms: number, task: () => void) => () => void;

interface Call {
  readonly number: number;
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

export interface StoreEvents {
  /** Called with what waits for space, and why; undefined: nothing waits any more. */
  readonly onStall?: (report: StallReport | undefined) => void;
  /** Called once, when the store accepts no further writes. */
  readonly onFailure?: (error: Error) => void;
}

export class StoreClient {
  readonly #channel: StoreChannel;
  /**
   * In the order of the calls, which is mostly that of the replies. Not a Map: a rehashed Map's old tables link to the
   * new ones, which would keep commits alive long after their replies once one table is in V8's old generation.
   */
  readonly #calls: Call[] = [];
  readonly #events: StoreEvents;
  #fileSizes: FileSizes | undefined;
  #nextCall = 1;
  #failure: Error | undefined;
  #isDead = false;
  #isClosing = false;

  constructor(worker: SqliteWorker, events: StoreEvents = {}) {
    this.#events = events;
    this.#channel = worker.attach({
      reply: (call, outcome) => {
        this.#settle(call, outcome);
      },
      died: this.#fail.bind(this),
    });
  }

  #fail(error: Error): void {
    this.#isDead = true;
    this.#failed(error);
    for (const { reject } of this.#calls.splice(0)) reject(error);
  }

  /** Why the store accepts no further writes; undefined while it does. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** As last reported by the worker; undefined: not reported yet, or there are no files. */
  get fileSizes(): FileSizes | undefined {
    return this.#fileSizes;
  }

  /** The worker is gone; no further reply will arrive. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** `close` was called: no further calls are accepted. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** Rejects with `StorageFull`, `StorageCorruption` or `StorageFailure`. */
  call<T extends keyof Results>(
    request: Extract<Request, { readonly type: T }>,
    transfer?: readonly ArrayBuffer[],
  ): Promise<Results[T]> {
    return new Promise<Results[T]>((resolve, reject) => {
      if (this.#isDead) {
        reject(this.#failure ?? new StorageFailure('the storage worker is gone'));
        return;
      }
      // The engine sends no reply after a close: the promise would never settle.
      if (this.#isClosing) {
        reject(new StorageFailure('the store is closed'));
        return;
      }
      this.#isClosing = (request as Request).type === 'close';
      const call = this.#nextCall++;
      this.#calls.push({ number: call, resolve, reject });
      this.#channel.post(call, request, transfer);
    });
  }

  /** Sends a request without waiting for a reply. */
  send(request: Request, transfer?: readonly ArrayBuffer[]): void {
    this.#channel.post(0, request, transfer);
  }

  /**
   * Closes the store. After `CLOSE_LIMIT_MS`, measured by `after`, it rejects, as do all pending calls: the files stay
   * open, and the worker keeps them until it can continue. Default: no limit.
   */
  async close(after: After = () => () => undefined): Promise<void> {
    const cancel = after(CLOSE_LIMIT_MS, () => {
      this.#fail(new StorageFailure(`the disk hangs: the store was not closed within ${CLOSE_LIMIT_MS} ms`));
    });
    await this.call({ type: 'close' }).finally(cancel);
  }

  detach(): void {
    this.#channel.detach();
  }

  #settle(number: number, outcome: CallResult): void {
    const call = this.#take(number);
    if (outcome.ok) {
      if (number === 0) this.#notified(outcome.value as Notification);
      call?.resolve(outcome.value as never);
      return;
    }
    const error = toError(outcome.failure);
    if (number === 0) this.#failed(error);
    call?.reject(error);
  }

  #failed(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#events.onFailure?.(error);
  }

  /** Usually the first one: replies to commits arrive in the order of the calls. */
  #take(number: number): Call | undefined {
    if (this.#calls[0]?.number === number) return this.#calls.shift();
    const at = this.#calls.findIndex((each) => each.number === number);
    return at === -1 ? undefined : this.#calls.splice(at, 1)[0];
  }

  #notified(notification: Notification): void {
    if (notification !== undefined && 'fileSizes' in notification) this.#fileSizes = notification.fileSizes;
    else this.#events.onStall?.(notification);
  }
}
