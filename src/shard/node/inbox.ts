/**
 * The inbox: all input of a node waits here for the next turn. One turn at a time is scheduled,
 * however much arrives.
 */
import type { QueuedWrite } from './commit-pipeline.js';
import type { ShardReply, ShardRequest } from '../operation.js';
import type { Runtime } from '../runtime.js';
import type { PeerId, PeerMessage } from '../transport/index.js';

export type Done = (reply: ShardReply) => void;

export interface Received {
  readonly from: PeerId;
  readonly messages: readonly PeerMessage[];
}

export interface Submission {
  readonly request: ShardRequest;
  readonly done: Done;
}

export interface InboxContents {
  readonly durable: readonly (readonly QueuedWrite[])[];
  readonly received: readonly Received[];
  readonly tasks: readonly (() => void)[];
  /** At most one tick: a node that was paused must not catch up on ticks, or it would start elections for no reason. */
  readonly tick: boolean;
}

interface OperationStarter {
  start(request: ShardRequest, done: Done, nowMs: number): void;
}

export class Inbox {
  #durable: (readonly QueuedWrite[])[] = [];
  #received: Received[] = [];
  #messages = 0;
  #submissions: Submission[] = [];
  #tasks: (() => void)[] = [];
  #tick = false;
  #scheduled = false;
  readonly #runtime: Runtime;
  readonly #maxMessages: number;
  readonly #turn: () => void;

  constructor(runtime: Runtime, maxMessages: number, turn: () => void) {
    this.#runtime = runtime;
    this.#maxMessages = maxMessages;
    this.#turn = turn;
  }

  get length(): number {
    return this.#messages + this.#submissions.length;
  }

  /** Drops the batch if too many messages wait already: Raft resends, routers retry. */
  receive(batch: Received): void {
    if (this.#messages >= this.#maxMessages) return;
    this.#messages += batch.messages.length;
    this.#received.push(batch);
    this.schedule();
  }

  submission(submission: Submission): void {
    this.#submissions.push(submission);
    this.schedule();
  }

  durable(writes: readonly QueuedWrite[]): void {
    this.#durable.push(writes);
    this.schedule();
  }

  task(task: () => void): void {
    this.#tasks.push(task);
    this.schedule();
  }

  tick(): void {
    this.#tick = true;
    this.schedule();
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#runtime.defer(this.#begin);
  }

  readonly #begin = (): void => {
    this.#scheduled = false;
    this.#turn();
    // If the turn failed before it started them, only another turn will answer them.
    if (this.#submissions.length > 0) this.schedule();
  };

  /** Starts all submitted operations. If one throws, those after it stay here. `nowMs`: when the turn began. */
  drainSubmissions(admission: OperationStarter, nowMs: number): void {
    const submissions = this.#submissions;
    this.#submissions = [];
    let started = 0;
    try {
      for (const { request, done } of submissions) {
        started++;
        admission.start(request, done, nowMs);
      }
    } finally {
      if (started < submissions.length) this.#submissions = [...submissions.slice(started), ...this.#submissions];
    }
  }

  /** Takes everything except submissions. */
  take(): InboxContents {
    const contents: InboxContents = {
      durable: this.#durable,
      received: this.#received,
      tasks: this.#tasks,
      tick: this.#tick,
    };
    this.#durable = [];
    this.#received = [];
    this.#messages = 0;
    this.#tasks = [];
    this.#tick = false;
    return contents;
  }
}
