/**
 * The values of one key as small numbers, so that the search compares and hashes numbers only.
 *
 * Only values that some operation could recognise get a number of their own. All others are one state, UNSEEN: no get,
 * compare or failed compare of this history distinguishes two of them, now or later, so that the search may treat them
 * as one without losing or inventing an order (they are bisimilar). With appends, a value is recognisable if it is a
 * prefix of one that is compared with; an append to a value that is no such prefix can never make one.
 */

import { numberOf } from './numbers.js';

/**
 * Which values get a number of their own: those that operations compare with; and with increments that answered nothing
 * also every integer, because it shows only later which ones are reached; and if appends are among these, every value.
 */
export type Distinct = 'compared' | 'integers' | 'all';

/** A state: ABSENT, UNSEEN, or the number of a value. */
export type State = number;
export const ABSENT: State = 0;
export const UNSEEN: State = 1;

export class States {
  readonly #numbers = new Map<string, State>();
  readonly #values: string[] = ['', ''];
  /** Values compared with, sorted; kept only where prefixes matter. */
  readonly #sorted: readonly string[];
  readonly #distinct: Distinct;
  readonly #appended = new Map<number, State>();
  readonly #appendices = new Map<string, number>();
  readonly #appendValues: string[] = [];
  readonly #added = new Map<string, State>();
  readonly #amounts: bigint[] = [];
  readonly #amountNumbers = new Map<bigint, number>();

  /** @param compared values that operations of this key compare with. @param appends whether there are appends. */
  constructor(compared: ReadonlySet<string>, appends: boolean, distinct: Distinct = 'compared') {
    this.#distinct = distinct;
    for (const value of compared) this.#intern(value);
    this.#sorted = appends ? [...compared].sort((a, b) => (a < b ? -1 : 1)) : [];
  }

  /** States that exist before the search begins have numbers below this. */
  get count(): number {
    return this.#values.length;
  }

  of(value: string | null): State {
    if (value === null) return ABSENT;
    const known = this.#numbers.get(value);
    if (known !== undefined) return known;
    return this.#isDistinct(value) ? this.#intern(value) : UNSEEN;
  }

  /** A number for the amount, for `add`. */
  amount(value: string): number {
    const amount = BigInt(value);
    const known = this.#amountNumbers.get(amount);
    if (known !== undefined) return known;
    const number = this.#amounts.push(amount) - 1;
    this.#amountNumbers.set(amount, number);
    return number;
  }

  /** Whether the value is an integer; absent counts as 0. */
  isInteger(state: State): boolean {
    return state === ABSENT || (state !== UNSEEN && numberOf(this.value(state)) !== undefined);
  }

  /** Undefined if the value is no integer. */
  add(state: State, amount: number): State | undefined {
    if (state === UNSEEN) return undefined;
    const edge = `${state} ${amount}`;
    const known = this.#added.get(edge);
    if (known !== undefined) return known;
    const before = state === ABSENT ? 0n : numberOf(this.value(state));
    if (before === undefined) return undefined;
    const next = this.of(String(before + (this.#amounts[amount] ?? 0n)));
    this.#added.set(edge, next);
    return next;
  }

  /** A number for the appended text, for `append`. */
  appendix(value: string): number {
    const known = this.#appendices.get(value);
    if (known !== undefined) return known;
    const number = this.#appendValues.push(value) - 1;
    this.#appendices.set(value, number);
    return number;
  }

  appended(appendix: number): string {
    return this.#appendValues[appendix] ?? '';
  }

  /** The value of a state that has one: neither ABSENT nor UNSEEN. */
  value(state: State): string {
    return this.#values[state] ?? '';
  }

  append(state: State, appendix: number): State {
    if (state === UNSEEN) return UNSEEN;
    const edge = state * this.#appendValues.length + appendix;
    const known = this.#appended.get(edge);
    if (known !== undefined) return known;
    const next = this.of(this.value(state) + this.appended(appendix));
    this.#appended.set(edge, next);
    return next;
  }

  #intern(value: string): State {
    const state = this.#values.push(value) - 1;
    this.#numbers.set(value, state);
    return state;
  }

  #isDistinct(value: string): boolean {
    switch (this.#distinct) {
      case 'all':
        return true;
      case 'integers':
        return numberOf(value) !== undefined;
      case 'compared':
        return this.#isPrefix(value);
    }
  }

  #isPrefix(value: string): boolean {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sorted[middle] ?? '') < value) low = middle + 1;
      else high = middle;
    }
    return this.#sorted[low]?.startsWith(value) ?? false;
  }
}
