/** The rows of one group in a range as of one moment: what was in memory, over a view of the durable state. */
import { intersection } from '../../raft/index.js';
import type { PageBounds, RowPage, RowRange, StateView } from '../../raft/index.js';
import { cursorsOf, mergedPage } from './row-cursors.js';
import type { Run } from './row-cursors.js';

export class RowView implements StateView {
  readonly #range: RowRange;
  /** Newest first. Dropped when the view is closed. */
  #runs: readonly Run[];
  readonly #durable: StateView;

  constructor(range: RowRange, runs: readonly Run[], durable: StateView) {
    this.#range = range;
    this.#runs = runs;
    this.#durable = durable;
  }

  /** The rows that are in both, `range` and the range of the view. @throws ViewClosed */
  range(range: RowRange, bounds: PageBounds): RowPage {
    const part = intersection(range, this.#range);
    return mergedPage(cursorsOf(this.#runs, part), this.#durable.range.bind(this.#durable), part, bounds);
  }

  get walBytes(): number {
    return this.#durable.walBytes;
  }

  close(): void {
    this.#runs = [];
    this.#durable.close();
  }
}
