/**
 * Virtual time: what happens when. Events run only in `run`, one at a time, in an order that depends only on how they
 * were scheduled: by time, then by the order of the calls.
 *
 * Code under test that awaits continues right after the event that settled its promise, as it does in reality.
 * Every event belongs to an `Incarnation`: one run of a process. Events of an ended incarnation are dropped; those of a
 * paused one are deferred until it is resumed.
 */

/** Microtask turns after an event that settled promises: longer than any promise chain between two events. */
const SETTLING_TURNS = 8;
/** Promises settled without notice get a microtask turn after every so many events. */
const TURN_EVERY = 16;

const SETTLED = Promise.resolve();

export class Incarnation {
  /** Id of the node; 0 for other processes. */
  readonly node: number;
  #ended = false;
  #paused = false;
  /** Events that fell due while it was paused. */
  readonly backlog: ScheduledEvent[] = [];

  constructor(node = 0) {
    this.node = node;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Permanently: no further event of this incarnation runs. */
  end(): void {
    this.#ended = true;
    this.backlog.length = 0;
  }

  /** Like SIGSTOP. */
  pause(): void {
    this.#paused = true;
  }

  /** @internal Called by the scheduler's `resume`. */
  unpause(): void {
    this.#paused = false;
  }
}

export interface ScheduledEvent {
  at: number;
  order: number;
  readonly incarnation: Incarnation | undefined;
  readonly task: () => void;
  /** The event may change the state of the process, rather than only deliver something to be processed later. */
  readonly isTurn: boolean;
  cancelled: boolean;
}

export class Scheduler {
  #now = 0;
  #order = 0;
  #settling = 0;
  /** A binary heap. */
  readonly #events: ScheduledEvent[] = [];
  /** Called after every turn, with the incarnation it belonged to. */
  afterTurn: (incarnation: Incarnation) => void = () => undefined;
  /** Number of events so far. */
  happened = 0;

  /** Virtual milliseconds since the start. */
  get now(): number {
    return this.#now;
  }

  /** Runs `task` after `ms` (≥ 0), unless `incarnation` has ended by then. Cancel by setting `cancelled`. */
  after(ms: number, incarnation: Incarnation | undefined, task: () => void, isTurn = false): ScheduledEvent {
    return this.at(this.#now + ms, incarnation, task, isTurn);
  }

  /** Like `after`, at an absolute time, not in the past: equal times run in the order of the calls. */
  at(ms: number, incarnation: Incarnation | undefined, task: () => void, isTurn = false): ScheduledEvent {
    const event = { at: ms, order: this.#order++, incarnation, task, isTurn, cancelled: false };
    this.#push(event);
    return event;
  }

  /** The present event has settled promises: code that awaits them must continue before the next event. */
  settles(turns = SETTLING_TURNS): void {
    this.#settling = Math.max(this.#settling, turns);
  }

  /** Resumes the incarnation: events that fell due meanwhile run now, in order. */
  resume(incarnation: Incarnation): void {
    incarnation.unpause();
    for (const event of incarnation.backlog.splice(0)) {
      event.at = this.#now;
      event.order = this.#order++;
      if (!event.cancelled) this.#push(event);
    }
  }

  /** Runs all events of the next `ms` of virtual time. */
  async run(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (let event = this.#next(end); event !== undefined; event = this.#next(end)) {
      this.#now = event.at;
      this.happened++;
      event.task();
      if (this.happened % TURN_EVERY === 0) await SETTLED;
      for (let turn = 0; turn < this.#settling; turn++) await SETTLED;
      this.#settling = 0;
      if (event.isTurn && event.incarnation !== undefined) this.afterTurn(event.incarnation);
    }
    this.#now = end;
  }

  /** Runs until `done`, checked every `stepMs`, for at most `ms`; false if it never held. */
  async until(done: () => boolean, ms: number, stepMs = 20): Promise<boolean> {
    const end = this.#now + ms;
    while (!done() && this.#now < end) await this.run(Math.min(stepMs, end - this.#now));
    return done();
  }

  /** The next event up to `end` that is not dropped. */
  #next(end: number): ScheduledEvent | undefined {
    for (let top = this.#events[0]; top !== undefined && top.at <= end; top = this.#events[0]) {
      this.#pop();
      if (top.cancelled || top.incarnation?.ended === true) continue;
      if (top.incarnation?.paused !== true) return top;
      top.incarnation.backlog.push(top);
    }
    return undefined;
  }

  #push(event: ScheduledEvent): void {
    const heap = this.#events;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#events;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let below = heap[child];
      if (below === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, below)) {
        child++;
        below = right;
      }
      if (isBefore(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

const isBefore = (a: ScheduledEvent, b: ScheduledEvent): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
