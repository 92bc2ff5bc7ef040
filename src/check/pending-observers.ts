/**
 * Counts, per state, the operations still to be ordered: those that must observe it, and those that could make it.
 *
 * With this the search recognises a dead end when it enters one: an operation must still observe a state which the key
 * is not in, and no remaining operation could make it. In histories with unique values this is what keeps a search from
 * guessing.
 */
import type { CompiledKey } from './compile.js';
import { Kind } from './effect.js';
import { PossibleWriters, demands, isSetter, isUnbound } from './possible-writers.js';
import { UNSEEN, type State } from './states.js';

const NONE: readonly State[] = [];

export class PendingObservers {
  readonly #compiled: CompiledKey;
  /** Required operations that need exactly this state. */
  readonly #viewers: Int32Array;
  /** Operations that bring the key into this state from any other, or by a compare. */
  readonly #setters: Int32Array;
  /** Operations that make this state from a shorter value. */
  readonly #appenders: Int32Array;
  /** Per operation, the observed states that it may make. */
  readonly #makes: (readonly State[])[];
  #allSetters = 0;
  #allViewers = 0;
  /** Required operations that are not yet ordered. */
  required = 0;

  constructor(compiled: CompiledKey) {
    this.#compiled = compiled;
    const { states, effects } = compiled;
    this.#viewers = new Int32Array(states.count);
    this.#setters = new Int32Array(states.count);
    this.#appenders = new Int32Array(states.count);
    this.#makes = effects.map(({ kind, to }) => (isSetter(kind) ? [to] : NONE));
    if (effects.some(({ kind }) => kind === Kind.append)) this.#findAppenders();
    for (const operation of compiled.operations.keys()) this.#count(operation, 1);
  }

  /** Whether a state must be observed that no operation can make. */
  isImpossible(initial: State): boolean {
    return this.#viewers.some((viewers, state) => viewers > 0 && state !== initial && !this.#canBeMade(state, false));
  }

  remove(operation: number): void {
    this.#count(operation, -1);
  }

  restore(operation: number): void {
    this.#count(operation, 1);
  }

  /** Whether `operation`, which goes from `state` to `next` and is already removed here, leads into a dead end. */
  forbids(operation: number, state: State, next: State): boolean {
    const byAppend = this.#compiled.effects[operation]?.kind === Kind.append;
    if (state !== next && this.#isLost(state, byAppend)) return true;
    for (const made of this.#makes[operation] ?? NONE) if (made !== next && this.#isLost(made, false)) return true;
    // Appends alone never lead from a value that no operation recognises to one that is recognised.
    return next === UNSEEN && this.#allSetters === 0 && this.#allViewers > 0 && !this.#compiled.unbound.absent;
  }

  #isLost(state: State, leftByAppend: boolean): boolean {
    return (this.#viewers[state] ?? 0) > 0 && !this.#canBeMade(state, leftByAppend);
  }

  #canBeMade(state: State, leftByAppend: boolean): boolean {
    if ((this.#setters[state] ?? 0) > 0) return true;
    const { unbound, states } = this.#compiled;
    const isBound = !unbound.absent && !unbound.integers;
    if (!isBound && isUnbound(state, unbound, states)) return true;
    // After an append the value only grows, until an operation sets it anew.
    return (this.#appenders[state] ?? 0) > 0 && !(isBound && leftByAppend && this.#allSetters === 0);
  }

  #findAppenders(): void {
    const { states, effects, required } = this.#compiled;
    const writers = new PossibleWriters(effects, states);
    const viewed = new Set<State>();
    for (const [operation, { kind, from }] of effects.entries()) {
      if (required[operation] === 1 && demands(kind)) viewed.add(from);
    }
    for (const state of viewed) {
      for (const writer of writers.of(state)) {
        if (effects[writer]?.kind === Kind.append) this.#makes[writer] = [...(this.#makes[writer] ?? NONE), state];
      }
    }
  }

  #count(operation: number, by: 1 | -1): void {
    const effect = this.#compiled.effects[operation];
    if (effect === undefined) return;
    const { kind, from, to } = effect;
    if (this.#compiled.required[operation] === 1) {
      this.required += by;
      if (demands(kind)) {
        this.#allViewers += by;
        this.#viewers[from] = (this.#viewers[from] ?? 0) + by;
      }
    }
    if (isSetter(kind)) {
      this.#allSetters += by;
      this.#setters[to] = (this.#setters[to] ?? 0) + by;
    } else if (kind === Kind.append) {
      for (const state of this.#makes[operation] ?? NONE) this.#appenders[state] = (this.#appenders[state] ?? 0) + by;
    }
  }
}
