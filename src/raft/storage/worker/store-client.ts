/**
 * One store's calls to its worker as promises. Knows requests and replies, not what they are for.
 *
 * Replies come in an order that keeps commits in the order of the calls, and are handed on in that order.
 */
import { toError } from '../failure.js';
import type { CallResult, Request, Results, Notification } from '../engine/protocol.js';
import type { StallReport } from '../engine/stall.js';
import { StorageFailure } from '../storage.js';
import type { FileSizes } from '../storage.js';
import type { SqliteWorker, StoreChannel } from './sqlite-thread.js';

/**
 * So long a store may take to be closed: its latest work, and two syncs. What is acknowledged is on the disk before, so
 * one that hangs is not waited for.
 */
export const CLOSE_LIMIT_MS = 3_000;

/** Calls `task` after so many ms, unless what it returns is called first. */
export type After = (ms: number, task: () => void) => () => void;

interface Call {
  readonly number: number;
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

export class StoreClient {
  readonly #channel: StoreChannel;
  /**
   * In the order of the calls, in which most of them are replied to. Not a Map: its outgrown tables, each of which holds
   * the next, would keep commits alive long after their replies, once one of them is of the old generation.
   */
  readonly #calls: Call[] = [];
  readonly #onStall: (report: StallReport | undefined) => void;
  #fileSizes: FileSizes | undefined;
  #nextCall = 1;
  #failure: Error | undefined;
  #isDead = false;
  #isClosing = false;

  /** `onStall`: what waits for room, and why; undefined: nothing does any more. */
  constructor(worker: SqliteWorker, onStall: (report: StallReport | undefined) => void = () => undefined) {
    this.#onStall = onStall;
    this.#channel = worker.attach({
      reply: (call, outcome) => {
        this.#settle(call, outcome);
      },
      died: this.#fail.bind(this),
    });
  }

  #fail(error: Error): void {
    this.#isDead = true;
    this.#failure ??= error;
    for (const { reject } of this.#calls.splice(0)) reject(error);
  }

  /** Why the store accepts no further writes, once that is so. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** As the worker said last; undefined: it has not said yet, or there are no files. */
  get fileSizes(): FileSizes | undefined {
    return this.#fileSizes;
  }

  /** The worker is gone; nothing will be replied to. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** It was asked to close the store: nothing more can be asked. */
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
      // Nobody would hear the reply: who opens a store that is closed meanwhile would wait for it for ever.
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

  /** For what is not replied to. */
  send(request: Request, transfer?: readonly ArrayBuffer[]): void {
    this.#channel.post(0, request, transfer);
  }

  /**
   * Nothing more can be asked. Rejects, as does all that waits, when that takes too long by `after`: the files are left
   * open, and belong to the worker until it can go on. Default: it may take for ever.
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
    if (number === 0) this.#failure ??= error;
    call?.reject(error);
  }

  /** Mostly the first: replies to commits come in the order of the calls. */
  #take(number: number): Call | undefined {
    if (this.#calls[0]?.number === number) return this.#calls.shift();
    const at = this.#calls.findIndex((each) => each.number === number);
    return at === -1 ? undefined : this.#calls.splice(at, 1)[0];
  }

  #notified(told: Notification): void {
    if (told !== undefined && 'fileSizes' in told) this.#fileSizes = told.fileSizes;
    else this.#onStall(told);
  }
}
