/**
 * The keys that a program has met, in that order. Most programs meet few: to look at each of them takes less time than
 * to keep an index.
 */
import type { StateKey } from '../../raft/index.js';

const FEW = 8;

export class MetKeys<Met extends { readonly rowKey: StateKey }> {
  readonly all: Met[] = [];
  #index: Map<StateKey, Met> | undefined;

  find(rowKey: StateKey): Met | undefined {
    if (this.#index !== undefined) return this.#index.get(rowKey);
    for (const met of this.all) if (met.rowKey === rowKey) return met;
    return undefined;
  }

  /** A key that was not met before. */
  add(met: Met): void {
    this.all.push(met);
    if (this.#index !== undefined) this.#index.set(met.rowKey, met);
    else if (this.all.length > FEW) this.#index = new Map(this.all.map((each) => [each.rowKey, each]));
  }
}
