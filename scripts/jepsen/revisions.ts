/**
 * Checks the revisions in the answers: each names one value of its key, for ever, and each value has one revision.
 *
 * Values are unique in a run, so a value with two revisions was written twice.
 */

export class Revisions {
  readonly #valueOf = new Map<string, string>();
  readonly #revisionOf = new Map<string, number>();
  readonly #problems: string[] = [];

  /** Records the answer to a put or get. */
  saw(key: string, revision: number, value: string): void {
    const earlierValue = keep(this.#valueOf, `${revision} ${key}`, value);
    if (earlierValue !== value) {
      this.#problems.push(`revision ${revision} of ${key} was ${show(earlierValue)} and then ${show(value)}`);
    }
    const earlierRevision = keep(this.#revisionOf, `${key} ${value}`, revision);
    if (earlierRevision !== revision) {
      this.#problems.push(
        `${show(value)} of ${key} was written twice, at revisions ${earlierRevision} and ${revision}`,
      );
    }
  }

  /** The value that the key had at a revision; null at 0, where it is absent; undefined if no client has seen it. */
  valueAt(key: string, revision: number): string | null | undefined {
    return revision === 0 ? null : this.#valueOf.get(`${revision} ${key}`);
  }

  /** One line for each contradiction. */
  get problems(): readonly string[] {
    return this.#problems;
  }
}

/** Keeps and returns the earlier value, if there is one. */
function keep<V>(map: Map<string, V>, name: string, value: V): V {
  const earlier = map.get(name);
  if (earlier !== undefined) return earlier;
  map.set(name, value);
  return value;
}

const SHOWN = 60;
const show = (value: string): string => JSON.stringify(value.length > SHOWN ? `…${value.slice(-SHOWN)}` : value);
