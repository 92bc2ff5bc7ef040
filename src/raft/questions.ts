/**
 * The questions that a leader has put to a member and that were not answered: whether it has everything up to an index.
 *
 * A refusal names the index and nothing else, so two questions about one index look alike when they are answered. One
 * that was put before the entries were sent again proves nothing of these; answers come in the order of the questions.
 */

/** About so many indexes, the newest; and about one of them so many: more were lost, for links are given up before. */
const MOST_INDEXES = 16;
const MOST_ABOUT_ONE = 64;

interface About {
  readonly index: number;
  /** Put before the entries were sent again, and since. */
  earlier: number;
  later: number;
}

export class Questions {
  /** Oldest first. */
  #open: About[] = [];

  put(index: number): void {
    const known = this.#about(index);
    if (known !== undefined) {
      known.later++;
      return;
    }
    this.#open.push({ index, earlier: 0, later: 1 });
    if (this.#open.length > MOST_INDEXES) this.#open.shift();
  }

  /** What is sent from now on is none of those that were put so far. */
  begin(): void {
    for (const about of this.#open) {
      about.earlier = Math.min(about.earlier + about.later, MOST_ABOUT_ONE);
      about.later = 0;
    }
  }

  /** An append behind `index` was refused. True: that answers a question put since `begin`. */
  refused(index: number): boolean {
    const about = this.#about(index);
    if (about === undefined) return false;
    if (about.earlier > 0) {
      about.earlier--;
      return false;
    }
    if (about.later === 0) return false;
    about.later--;
    return true;
  }

  /** Those about what the member is known to have are answered. */
  acknowledged(index: number): void {
    if (this.#open.length > 0) this.#open = this.#open.filter((about) => about.index > index);
  }

  /** The link broke, and they with it. */
  lost(): void {
    this.#open.length = 0;
  }

  #about(index: number): About | undefined {
    return this.#open.find((about) => about.index === index);
  }
}
