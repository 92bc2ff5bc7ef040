/**
 * What is still to come, counted per state: who must still see it, and who could still make it.
 *
 * With this the search knows a dead end when it makes one: somebody must still see a state which the key is not in, and
 * nothing that is left could bring it there. In histories with unique values this is what keeps a search from guessing.
 */
import type { CompiledKey } from './compile.js';
import { Kind } from './effect.js';
import { PossibleWriters, demands, isSetter } from './possible-writers.js';
import { UNSEEN, type State } from './states.js';

const NONE: readonly State[] = [];

export class PendingObservers {
  readonly #compiled: CompiledKey;
  /** Required operations that demand exactly this state. */
  readonly #viewers: Int32Array;
  /** Operations that put the key into this state whatever was before, or by a compare. */
  readonly #setters: Int32Array;
  /** Operations that make it of a shorter value. */
  readonly #appenders: Int32Array;
  /** Per operation, the states that are viewed and that it may make. */
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

  /** Whether somebody must see what nobody can make. */
  isImpossible(initial: State): boolean {
    return this.#viewers.some((viewers, state) => viewers > 0 && state !== initial && !this.#canBeMade(state, false));
  }

  remove(operation: number): void {
    this.#count(operation, -1);
  }

  restore(operation: number): void {
    this.#count(operation, 1);
  }

  /** Whether `operation`, which goes from `state` to `next` and is removed here already, leads into a dead end. */
  forbids(operation: number, state: State, next: State): boolean {
    const byAppend = this.#compiled.effects[operation]?.kind === Kind.append;
    if (state !== next && this.#isLost(state, byAppend)) return true;
    for (const made of this.#makes[operation] ?? NONE) if (made !== next && this.#isLost(made, false)) return true;
    // Appends alone never lead back from a value that nobody recognises.
    return next === UNSEEN && this.#allSetters === 0 && this.#allViewers > 0;
  }

  #isLost(state: State, leftByAppend: boolean): boolean {
    return (this.#viewers[state] ?? 0) > 0 && !this.#canBeMade(state, leftByAppend);
  }

  #canBeMade(state: State, leftByAppend: boolean): boolean {
    if ((this.#setters[state] ?? 0) > 0) return true;
    // After an append the value only grows, until something is put there anew.
    return (this.#appenders[state] ?? 0) > 0 && !(leftByAppend && this.#allSetters === 0);
  }

  #findAppenders(): void {
    const { states, effects, required } = this.#compiled;
    const makers = new PossibleWriters(effects, states);
    const viewed = new Set<State>();
    for (const [operation, { kind, from }] of effects.entries()) {
      if (required[operation] === 1 && demands(kind)) viewed.add(from);
    }
    for (const state of viewed) {
      for (const maker of makers.of(state)) {
        if (effects[maker]?.kind === Kind.append) this.#makes[maker] = [...(this.#makes[maker] ?? NONE), state];
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
