/**
 * The keys of a map in order, for a map that only grows. The map does not know of it: adding a key costs nothing more.
 *
 * Keys are taken from an iterator of the map itself, which goes on with the keys that were added since, as long as it
 * was never moved past the last one. New keys are sorted when the order is asked for, and kept as a run of their own;
 * a run that is not less than half as long as the one before it is merged with that, so that a key is merged about as
 * often as the map doubles, and there are few runs to read from. Long runs are not merged, which would take more of the
 * event loop at once than it saves.
 */
import type { StateKey } from '../../raft/index.js';

type Run = readonly StateKey[];

const LONGEST_MERGED = 16_384;

export class KeyOrder {
  readonly #map: ReadonlyMap<StateKey, unknown>;
  #unread: Iterator<StateKey> | undefined;
  #taken = 0;
  #runs: Run[] = [];

  constructor(map: ReadonlyMap<StateKey, unknown>) {
    this.#map = map;
  }

  /** Each is sorted, and every key is in one of them; they do not change. */
  runs(): readonly Run[] {
    const added = this.#map.size - this.#taken;
    if (added > 0) this.#add(this.#take(added));
    return this.#runs;
  }

  /** All keys in one run. */
  all(): Run {
    const runs = this.runs();
    // Sorting finds the runs that are sorted already, and merges them.
    if (runs.length > 1) this.#runs = [runs.flat().sort()];
    return this.#runs[0] ?? [];
  }

  #take(count: number): StateKey[] {
    this.#unread ??= this.#map.keys();
    const keys: StateKey[] = [];
    // Not one more: an iterator that has reached the end stays there.
    while (keys.length < count) keys.push(this.#unread.next().value as StateKey);
    this.#taken += count;
    // Without a comparator, by code units: the order of the durable state.
    return keys.sort();
  }

  #add(added: Run): void {
    let last = added;
    for (let before = this.#runs.at(-1); before !== undefined; before = this.#runs.at(-1)) {
      if (before.length > 2 * last.length || before.length + last.length > LONGEST_MERGED) break;
      this.#runs.pop();
      last = merged(before, last);
    }
    this.#runs.push(last);
  }
}

function merged(a: Run, b: Run): Run {
  const [lastOfA, firstOfB] = [a.at(-1), b[0]];
  if (lastOfA === undefined || firstOfB === undefined || lastOfA < firstOfB) return a.concat(b);
  const keys: StateKey[] = [];
  let atA = 0;
  for (const key of b) {
    for (let other = a[atA]; other !== undefined && other < key; other = a[++atA]) keys.push(other);
    keys.push(key);
  }
  while (atA < a.length) keys.push(a[atA++] ?? '');
  return keys;
}
