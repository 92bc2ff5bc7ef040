/** The rows of a state machine in a map: no disk, no cache, no checkpoint, no view. Says which rows change. */
import type { PageBounds, RowPage, RowRange, StateKey } from '../raft/index.js';
import type { StateStore } from '../shard/index.js';

const NOTHING = new Uint8Array(0);

export class PlainStore implements StateStore {
  readonly #rows = new Map<StateKey, Uint8Array>();
  readonly #onChange: ((key: StateKey) => void) | undefined;

  constructor(onChange?: (key: StateKey) => void) {
    this.#onChange = onChange;
  }

  get(key: StateKey): Uint8Array | undefined {
    return this.#rows.get(key);
  }

  getAll(keys: readonly StateKey[]): readonly (Uint8Array | undefined)[] {
    return keys.map((key) => this.get(key));
  }

  set(key: StateKey, value: Uint8Array): void {
    this.#rows.set(key, value);
    this.#onChange?.(key);
  }

  delete(key: StateKey): void {
    this.#rows.delete(key);
    this.#onChange?.(key);
  }

  scan(prefix: StateKey): Iterable<readonly [StateKey, Uint8Array]> {
    return this.#sorted((key) => key.startsWith(prefix));
  }

  range({ from, to, reverse, keysOnly }: RowRange, bounds: PageBounds): RowPage {
    const all = this.#sorted((key) => key >= from && (to === undefined || key < to));
    if (reverse === true) all.reverse();
    const rows = all.slice(0, bounds.rows);
    const next = all[rows.length]?.[0];
    const rest =
      next === undefined ? undefined : reverse === true ? { from, to: `${next}\0`, reverse } : { from: next, to };
    return { rows: keysOnly === true ? rows.map(([key]) => [key, NOTHING] as const) : rows, rest };
  }

  #sorted(isWanted: (key: StateKey) => boolean): (readonly [StateKey, Uint8Array])[] {
    return [...this.#rows].filter(([key]) => isWanted(key)).sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
