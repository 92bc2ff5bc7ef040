/**
 * The keys of a map in order, for a map that only grows. The map does not know of it: adding a key costs nothing more.
 *
 * Keys are taken from an iterator of the map itself, which goes on with the keys that were added since, as long as it
 * was never moved past the last one. New keys are sorted when the order is asked for, and kept as a run of their own;
 * a run that is not less than half as long as the one before it is merged with that, so that a key is merged about as
 * often as the map doubles, and there are few runs to read from.
 */
import type { StateKey } from '../../raft/index.js';

type Run = readonly StateKey[];

export class KeyOrder {
  readonly #map: ReadonlyMap<StateKey, unknown>;
  #unread: Iterator<StateKey> | undefined;
  #taken = 0;
  readonly #runs: Run[] = [];

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
    this.runs();
    while (this.#runs.length > 1) this.#mergeLast();
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

  #add(run: Run): void {
    this.#runs.push(run);
    while (this.#runs.length > 1 && this.#lengthFromEnd(2) <= 2 * this.#lengthFromEnd(1)) this.#mergeLast();
  }

  #lengthFromEnd(place: number): number {
    return this.#runs.at(-place)?.length ?? 0;
  }

  #mergeLast(): void {
    const last = this.#runs.pop() ?? [];
    const first = this.#runs.pop() ?? [];
    this.#runs.push(merged(first, last));
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
