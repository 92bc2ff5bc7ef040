/**
 * Executes tasks of several steps, one task after another. A task that finds no space restarts after `RETRY_MS`; the
 * tasks after it wait.
 */
import { isTransient, toFailure } from '../failure.js';
import type { FailureData } from '../failure.js';
import { Stall } from './stall.js';

export type Steps = Generator<undefined, unknown, undefined>;

interface Task {
  readonly call: number;
  readonly what: string;
  readonly start: () => Steps;
  steps: Steps | undefined;
}

export interface TaskEvents {
  /** `value`: the return value of the task. */
  done(call: number, value: unknown): void;
  failed(failure: FailureData): void;
  /** Rolls back the steps of the task that found no space; throws if it cannot. */
  undo(): void;
}

export class TaskQueue {
  readonly #tasks: Task[] = [];
  readonly #events: TaskEvents;
  /** Set while the first task waits for space. */
  readonly stall: Stall;

  constructor(events: TaskEvents, now: () => number) {
    this.#events = events;
    this.stall = new Stall(now);
  }

  /** `start` returns the steps, from the first one; each is a slice. */
  add(call: number, what: string, start: () => Steps): void {
    this.#tasks.push({ call, what, start, steps: undefined });
  }

  /** Executes one step. False if there is nothing to do, or the first task waits for space. */
  run(): boolean {
    const task = this.#tasks[0];
    if (task === undefined || this.stall.isWaiting) return false;
    try {
      task.steps ??= task.start();
      const step = task.steps.next();
      if (step.done !== true) return true;
      this.#tasks.shift();
      this.stall.end();
      this.#events.done(task.call, step.value);
    } catch (error) {
      const failure = toFailure(error, task.what);
      if (isTransient(failure)) this.#wait(task, failure);
      else this.#events.failed(failure);
    }
    return true;
  }

  #wait(task: Task, failure: FailureData): void {
    task.steps = undefined;
    this.stall.begin(failure);
    try {
      this.#events.undo();
    } catch (error) {
      this.#events.failed(toFailure(error, `rolling back after no space: ${task.what}`));
    }
  }

  /** Drops all tasks and returns their calls. */
  drop(): number[] {
    this.stall.end();
    return this.#tasks.splice(0).map(({ call }) => call);
  }
}
