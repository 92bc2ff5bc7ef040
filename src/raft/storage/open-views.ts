/**
 * The views of a storage that are open; none any more once the storage has closed or failed.
 *
 * Views that are opened one soon after the other share a read transaction, and its connection: a stream over the shards
 * of a node opens one for each. A transaction fits a group as long as no checkpoint or installation of it has completed
 * since, for what these moved out of memory the transaction does not see.
 */
import type { PinnedState } from './files.js';
import { EMPTY_PAGE } from './row-range.js';
import { MAX_PINNED_STATES, ViewClosed, ViewUnavailable } from './storage.js';
import type { PageBounds, RowPage, RowRange, StateView } from './storage.js';
import type { GroupId } from '../types.js';

/** A group's slot. Another object after every checkpoint and installation. */
interface Placement {
  readonly slot: number;
}

interface Pin {
  readonly state: PinnedState;
  readonly placements: ReadonlyMap<GroupId, Placement>;
  readonly sinceMs: number;
  views: number;
}

/** Views share a transaction that is at most so old, so that a group that rests keeps none open for ever. */
const SHARED_MS = 1_000;

export class OpenViews {
  readonly #now: () => number;
  readonly #open = new Set<OpenView>();
  #pins: Pin[] = [];

  /** `now`: milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  open(source: StateView): StateView {
    const view = new OpenView(source, () => this.#open.delete(view));
    this.#open.add(view);
    return view;
  }

  /**
   * Opens a view of a group in a file that has the states of many. `pin`: opens a transaction.
   * @throws ViewUnavailable
   */
  openPinned(group: GroupId, placements: ReadonlyMap<GroupId, Placement>, pin: () => PinnedState): StateView {
    const placement = placements.get(group);
    if (placement === undefined) return this.open(EMPTY_VIEW);
    const fits = (each: Pin): boolean =>
      each.placements.get(group) === placement && this.#now() - each.sinceMs < SHARED_MS;
    const shared = this.#pins.find(fits) ?? this.#newPin(placements, pin);
    shared.views++;
    const { state } = shared;
    return this.open({
      range: (range, bounds) => state.range(placement.slot, range, bounds),
      get walBytes() {
        return state.walBytes;
      },
      close: () => {
        this.#leave(shared);
      },
    });
  }

  #newPin(placements: ReadonlyMap<GroupId, Placement>, pin: () => PinnedState): Pin {
    if (this.#pins.length >= MAX_PINNED_STATES) throw new ViewUnavailable('too many views of states are open');
    const added = { state: pin(), placements: new Map(placements), sinceMs: this.#now(), views: 0 };
    this.#pins.push(added);
    return added;
  }

  #leave(pin: Pin): void {
    if (--pin.views > 0) return;
    this.#pins = this.#pins.filter((each) => each !== pin);
    pin.state.close();
  }

  /** `why`: the message of the error that reading them throws from now on. */
  closeAll(why: string): void {
    for (const view of this.#open) view.end(why);
  }
}

class OpenView implements StateView {
  /** Undefined: the view is closed. */
  #source: StateView | undefined;
  #whyClosed = 'the view is closed';
  readonly #onClosed: () => void;

  constructor(source: StateView, onClosed: () => void) {
    this.#source = source;
    this.#onClosed = onClosed;
  }

  range(range: RowRange, bounds: PageBounds): RowPage {
    if (this.#source === undefined) throw new ViewClosed(this.#whyClosed);
    return this.#source.range(range, bounds);
  }

  get walBytes(): number {
    return this.#source?.walBytes ?? 0;
  }

  end(why: string): void {
    this.#whyClosed = why;
    this.close();
  }

  close(): void {
    const source = this.#source;
    if (source === undefined) return;
    this.#source = undefined;
    this.#onClosed();
    source.close();
  }
}

/** Of a group that has no durable state. */
export const EMPTY_VIEW: StateView = { range: () => EMPTY_PAGE, walBytes: 0, close: () => undefined };
