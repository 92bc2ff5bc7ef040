/**
 * What the store has promised: for each key the acknowledged value, and the values of writes that were never answered.
 *
 * A key is written by one client, one write at a time. After a cut it must read as its last acknowledged write, or as
 * one that began after that. What is read then is itself a promise: a write that a linearizable read has seen must
 * stay. A value is any string, undefined = the key is absent.
 */
export type Value = string | undefined;

interface Promised {
  acknowledged: Value;
  /** Whether any write was acknowledged. */
  made: boolean;
  /** Began later and were never answered: each may have been applied. */
  readonly unresolved: Value[];
}

export interface Loss {
  readonly key: string;
  readonly expected: Value;
  /** Values of writes that were never answered: they would have been right, too. */
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
  get unresolved(): number {
    let count = 0;
    for (const { unresolved } of this.#keys.values()) count += unresolved.length;
    return count;
  }

  /** To be called before the write is sent: from here on it may have been applied. */
  begin(key: string, value: Value): void {
    this.#of(key).unresolved.push(value);
  }

  acknowledge(key: string, value: Value): void {
    this.#settle(key, value);
    const promised = this.#of(key);
    promised.acknowledged = value;
    promised.made = true;
    this.#acknowledged++;
  }

  /** The store answered that it was not applied. */
  refuse(key: string, value: Value): void {
    this.#settle(key, value);
  }

  /** Whether a write to the key is in flight or was never answered: such a key must not be written again. */
  isOutcomeUnknown(key: string): boolean {
    return (this.#keys.get(key)?.unresolved.length ?? 0) > 0;
  }

  /** Compares what was read with what was promised, and expects it from here on. Undefined if the promise was kept. */
  judge(key: string, found: Value): Loss | undefined {
    const promised = this.#of(key);
    const { acknowledged: expected, unresolved } = promised;
    if (found === expected) return undefined;
    const alsoRight = [...unresolved];
    promised.acknowledged = found;
    const seen = unresolved.indexOf(found);
    if (seen === -1) return { key, expected, alsoRight, found };
    unresolved.splice(0, seen + 1);
    return undefined;
  }

  #of(key: string): Promised {
    let promised = this.#keys.get(key);
    if (promised === undefined)
      this.#keys.set(key, (promised = { acknowledged: undefined, made: false, unresolved: [] }));
    return promised;
  }

  #settle(key: string, value: Value): void {
    const { unresolved } = this.#of(key);
    const index = unresolved.indexOf(value);
    if (index === -1) throw new Error(`${key}: no such write was begun`);
    unresolved.splice(index, 1);
  }
}
