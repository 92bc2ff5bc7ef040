/**
 * The search for a legal order of one key's operations (Wing & Gong 1993, with Lowe's memory of configurations, 2017).
 *
 * Depth first: one of the operations that were called before the first open return is next. It is taken out of the
 * event list, its effect is applied, and where no operation fits any more the last choice is undone. The stack is
 * explicit, so that a history may have any length; `run` can be interrupted after any number of steps and resumed.
 *
 * What makes it fast, and why it is right:
 * - An open operation that changes nothing in any state (a read, a failed compare) and fits now is ordered now, without
 *   a choice. In any order that continues from here it could be moved here: everything that ended before its call is
 *   ordered already, it fits, and its absence later changes no value.
 * - Of open operations with the same effect only the one that returned first is tried. In an order that takes another
 *   one first, the two can change places: both are open, and the one that returned first stood before its return.
 *   Unknown operations never return: they come last, and are left out for good when nothing needs them.
 * - A change is not tried if it leaves a state that must still be observed and that no remaining operation can make
 *   again (`pending-observers.ts`).
 * - Values that no operation can distinguish are one state (`states.ts`).
 * - A configuration that was explored once is not explored again (`configurations.ts`).
 * - Expiry (`deadlines.ts`) is one more change that may come next, tried after all operations. It is no operation: once the
 *   key has another deadline, nothing is left of the one before, so that configurations do not multiply with deadlines.
 */
import type { CompiledKey } from './compile.js';
import { Configurations } from './configurations.js';
import { deadlineAfter, NO_DEADLINE, type Deadline } from './deadlines.js';
import { Kind } from './effect.js';
import { EventList } from './event-list.js';
import { PendingObservers } from './pending-observers.js';
import { ABSENT, type State } from './states.js';

export type SearchState = 'legal' | 'illegal' | 'running';

interface Choice {
  readonly state: State;
  readonly deadline: Deadline;
  /** How many operations were ordered when it was made. */
  readonly ordered: number;
  /** Operations to try, and the one to try next. */
  readonly candidates: readonly number[];
  next: number;
}

const MISFIT = -1;
/** In an order: the key became absent by itself. */
export const EXPIRY = -1;

export class Search {
  /** Number of configurations searched. */
  steps = 0;
  readonly #compiled: CompiledKey;
  readonly #list: EventList;
  readonly #pending: PendingObservers;
  readonly #seen = new Configurations();
  readonly #order: number[] = [];
  readonly #choices: Choice[] = [];
  /** Per effect class, the step that last took a candidate of it. */
  readonly #takenAt: Int32Array;
  #state: State;
  #deadline: Deadline;
  #result: SearchState = 'running';

  constructor(compiled: CompiledKey) {
    this.#compiled = compiled;
    this.#list = new EventList(compiled);
    this.#pending = new PendingObservers(compiled);
    this.#takenAt = new Int32Array(compiled.operations.length);
    this.#state = compiled.initial;
    this.#deadline = compiled.deadlines?.initial ?? NO_DEADLINE;
    if (this.#pending.isImpossible(compiled.initial)) this.#result = 'illegal';
  }

  /** The order so far, as indexes of `compiled.operations`, and EXPIRY; once `legal`, a legal order of all required operations. */
  get order(): readonly number[] {
    return this.#order;
  }

  /** Continues for at most `steps` more configurations. */
  run(steps: number): SearchState {
    const until = this.steps + steps;
    while (this.#result === 'running' && this.steps < until) this.#step();
    return this.#result;
  }

  #step(): void {
    this.steps++;
    this.#orderFitting();
    if (this.#pending.required === 0) {
      this.#result = 'legal';
      return;
    }
    const open = this.#open();
    const [state, deadline] = [this.#state, this.#deadline];
    const named = deadline === NO_DEADLINE ? open : [...open, -deadline];
    const candidates = this.#seen.add(named, state) ? this.#candidates(open) : [];
    this.#choices.push({ state, deadline, ordered: this.#order.length, candidates, next: 0 });
    this.#choose();
  }

  /** Takes the next candidate of the last choice that has one left. */
  #choose(): void {
    for (let choice = this.#choices.at(-1); choice !== undefined; choice = this.#choices.at(-1)) {
      this.#takeBack(choice.ordered);
      this.#state = choice.state;
      this.#deadline = choice.deadline;
      for (let operation = choice.candidates[choice.next]; operation !== undefined;) {
        choice.next++;
        const next = operation === EXPIRY ? ABSENT : this.#apply(operation);
        this.#take(operation);
        if (!this.#pending.forbids(operation, this.#state, next)) {
          this.#deadline = this.#deadlineAfter(operation);
          this.#state = next;
          return;
        }
        this.#takeBack(choice.ordered);
        operation = choice.candidates[choice.next];
      }
      this.#choices.pop();
    }
    this.#result = 'illegal';
  }

  #orderFitting(): void {
    const list = this.#list;
    for (let node = list.first; ; node = list.after(node)) {
      const operation = list.operationAt(node);
      if (operation < 0) return;
      const kind = this.#compiled.effects[operation]?.kind;
      const changesNothing = kind === Kind.seen || kind === Kind.notSeen;
      if (changesNothing && this.#apply(operation) !== MISFIT) this.#take(operation);
    }
  }

  /** The operations called before the first return, in order of their calls. */
  #open(): number[] {
    const list = this.#list;
    const open: number[] = [];
    for (let node = list.first; ; node = list.after(node)) {
      const operation = list.operationAt(node);
      if (operation < 0) return open;
      open.push(operation);
    }
  }

  #candidates(open: readonly number[]): number[] {
    const { effectClass, required } = this.#compiled;
    const list = this.#list;
    const fitting = open.filter((operation) => {
      const next = this.#apply(operation);
      if (next === MISFIT) return false;
      return required[operation] === 1 || next !== this.#state || this.#deadlineAfter(operation) !== this.#deadline;
    });
    // Earliest return first; of the unknown ones, the earliest call.
    fitting.sort((a, b) => list.returnOf(a) - list.returnOf(b));
    const candidates = fitting.filter((operation) => {
      const effect = effectClass[operation] ?? 0;
      if (this.#takenAt[effect] === this.steps) return false;
      this.#takenAt[effect] = this.steps;
      return true;
    });
    if (this.#mayExpire()) candidates.push(EXPIRY);
    return candidates;
  }

  /** Whether the deadline's moment is not after the first return that is still to be ordered. */
  #mayExpire(): boolean {
    const { deadlines } = this.#compiled;
    if (deadlines === undefined || this.#deadline === NO_DEADLINE || this.#state === ABSENT) return false;
    const list = this.#list;
    let node = list.first;
    while (list.operationAt(node) >= 0) node = list.after(node);
    return node >= (deadlines.dueAt[this.#deadline - 1] ?? 0);
  }

  #deadlineAfter(operation: number): Deadline {
    const { deadlines } = this.#compiled;
    if (deadlines === undefined || operation === EXPIRY) return NO_DEADLINE;
    return deadlineAfter(deadlines, operation, this.#deadline);
  }

  #apply(operation: number): State {
    const effect = this.#compiled.effects[operation];
    if (effect === undefined) return MISFIT;
    const { kind, from, to } = effect;
    const state = this.#state;
    switch (kind) {
      case Kind.seen:
        return state === from ? state : MISFIT;
      case Kind.notSeen:
        return state === from || (to === 1 && state === 0) ? MISFIT : state;
      case Kind.put:
      case Kind.delete:
        return to;
      case Kind.deletePresent:
        return state === 0 ? MISFIT : to;
      case Kind.cas:
        return state === from ? to : MISFIT;
      case Kind.append:
        return this.#compiled.states.append(state, from);
      case Kind.count:
        return state === from || state === ABSENT ? to : MISFIT;
      case Kind.add:
        return this.#compiled.states.add(state, from) ?? MISFIT;
      case Kind.touch:
        return state === ABSENT ? MISFIT : state;
      case Kind.never:
        return MISFIT;
    }
  }

  #take(operation: number): void {
    this.#order.push(operation);
    if (operation === EXPIRY) return;
    this.#list.remove(operation);
    this.#pending.remove(operation);
  }

  #takeBack(ordered: number): void {
    while (this.#order.length > ordered) {
      const operation = this.#order.pop();
      if (operation === undefined) return;
      if (operation === EXPIRY) continue;
      this.#list.restore(operation);
      this.#pending.restore(operation);
    }
  }
}
