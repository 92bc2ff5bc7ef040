/**
 * What is still to come, counted per state: who must still see it, and who could still make it.
 *
 * With this the search knows when leaving a state is a dead end: somebody must still see it, and nothing that is left
 * could bring it back. In histories with unique values this is what keeps a search from guessing.
 */
import { Kind, type CompiledKey } from './compile.js';
import { ABSENT, UNSEEN, type State } from './states.js';

export class Needs {
  readonly #compiled: CompiledKey;
  /** Required operations that demand exactly this state. */
  readonly #viewers: Int32Array;
  /** Operations that put the key into this state, whatever was before. */
  readonly #makers: Int32Array;
  #appends = 0;
  #setters = 0;
  #allViewers = 0;
  /** Required operations that are not yet ordered. */
  required = 0;

  constructor(compiled: CompiledKey) {
    this.#compiled = compiled;
    this.#viewers = new Int32Array(compiled.states.count);
    this.#makers = new Int32Array(compiled.states.count);
    for (const operation of compiled.operations.keys()) this.#count(operation, 1);
  }

  remove(operation: number): void {
    this.#count(operation, -1);
  }

  restore(operation: number): void {
    this.#count(operation, 1);
  }

  /** Whether `operation`, which goes from `state` to `next` and is removed here already, can lead nowhere. */
  forbid(operation: number, state: State, next: State): boolean {
    if (state === next) return false;
    const byAppend = this.#compiled.effects[operation]?.kind === Kind.append;
    if ((this.#viewers[state] ?? 0) > 0 && !this.#canBeMade(state, byAppend)) return true;
    // Appends alone never lead back from a value that nobody recognises.
    return this.#setters === 0 && this.#allViewers > 0 && next === UNSEEN;
  }

  #canBeMade(state: State, leftByAppend: boolean): boolean {
    if ((this.#makers[state] ?? 0) > 0) return true;
    // By appends to something else. After an append the value only grows, until something is put there anew.
    return state !== ABSENT && this.#appends > 0 && !(leftByAppend && this.#setters === 0);
  }

  #count(operation: number, by: 1 | -1): void {
    const effect = this.#compiled.effects[operation];
    if (effect === undefined) return;
    const { kind, from, to } = effect;
    const required = this.#compiled.required[operation] === 1;
    if (required) this.required += by;
    if (required && (kind === Kind.seen || kind === Kind.cas)) {
      this.#allViewers += by;
      this.#viewers[from] = (this.#viewers[from] ?? 0) + by;
    }
    if (kind === Kind.append) this.#appends += by;
    if (kind === Kind.put || kind === Kind.cas || kind === Kind.delete || kind === Kind.deletePresent) {
      this.#setters += by;
      this.#makers[to] = (this.#makers[to] ?? 0) + by;
    }
  }
}
