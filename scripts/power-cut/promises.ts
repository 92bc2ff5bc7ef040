/**
 * What the store has promised: for each key the acknowledged value, and the values of writes whose answer never came.
 *
 * A key is written by one client, one write at a time. After a cut it must read as its last acknowledged write, or as
 * one begun after that. What is read then is itself a promise: a linearizable read that has seen a write keeps it.
 * Knows no HTTP; a value is any string, undefined = the key is absent.
 */
export type Value = string | undefined;

interface Promised {
  acknowledged: Value;
  /** Whether any write was acknowledged at all. */
  made: boolean;
  /** Begun later and never answered: each may have happened. */
  readonly doubtful: Value[];
}

export interface Loss {
  readonly key: string;
  readonly expected: Value;
  /** Of writes that were never answered: would have been right, too. */
  readonly alsoRight: readonly Value[];
  readonly found: Value;
}

export class Promises {
  readonly #keys = new Map<string, Promised>();
  #acknowledged = 0;

  /** Writes acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  get keys(): string[] {
    return [...this.#keys.keys()];
  }

  /** Keys with an acknowledged write. */
  get made(): number {
    let count = 0;
    for (const promised of this.#keys.values()) if (promised.made) count++;
    return count;
  }

  /** Writes whose answer never came and whose effect has not been seen. */
  get doubtful(): number {
    let count = 0;
    for (const { doubtful } of this.#keys.values()) count += doubtful.length;
    return count;
  }

  /** Call before the write is sent: it counts as possibly done from here on. */
  begin(key: string, value: Value): void {
    this.#of(key).doubtful.push(value);
  }

  acknowledge(key: string, value: Value): void {
    this.#settle(key, value);
    const promised = this.#of(key);
    promised.acknowledged = value;
    promised.made = true;
    this.#acknowledged++;
  }

  /** The store said that it was not done. */
  refuse(key: string, value: Value): void {
    this.#settle(key, value);
  }

  /** Whether a write to it is under way or was never answered: such a key is not to be written again. */
  inDoubt(key: string): boolean {
    return (this.#keys.get(key)?.doubtful.length ?? 0) > 0;
  }

  /** Holds what was read against what was promised, and takes it for true from here on. Undefined when it is kept. */
  judge(key: string, found: Value): Loss | undefined {
    const promised = this.#of(key);
    const { acknowledged: expected, doubtful } = promised;
    if (found === expected) return undefined;
    const alsoRight = [...doubtful];
    promised.acknowledged = found;
    const seen = doubtful.indexOf(found);
    if (seen === -1) return { key, expected, alsoRight, found };
    doubtful.splice(0, seen + 1);
    return undefined;
  }

  #of(key: string): Promised {
    let promised = this.#keys.get(key);
    if (promised === undefined)
      this.#keys.set(key, (promised = { acknowledged: undefined, made: false, doubtful: [] }));
    return promised;
  }

  #settle(key: string, value: Value): void {
    const { doubtful } = this.#of(key);
    const index = doubtful.indexOf(value);
    if (index === -1) throw new Error(`${key}: no such write was begun`);
    doubtful.splice(index, 1);
  }
}
