/**
 * The questions that a leader has put to a member and that were not answered: whether it has everything up to an index.
 *
 * A refusal names the index and nothing else, so two questions about one index look alike when they are answered. One
 * that was put before the entries were sent again proves nothing of these; answers come in the order of the questions.
 */

/** Of those that were put longest ago, older ones are forgotten: they were lost. */
const MOST = 16;

export class Questions {
  /** Oldest first. */
  #open: { readonly index: number; isEarlier: boolean }[] = [];

  put(index: number): void {
    this.#open.push({ index, isEarlier: false });
    if (this.#open.length > MOST) this.#open.shift();
  }

  /** What is sent from now on is none of those that were put so far. */
  begin(): void {
    for (const question of this.#open) question.isEarlier = true;
  }

  /** An append behind `index` was refused. True: that answers a question put since `begin`. */
  refused(index: number): boolean {
    const at = this.#open.findIndex((question) => question.index === index);
    const [question] = at < 0 ? [] : this.#open.splice(at, 1);
    return question?.isEarlier === false;
  }

  /** Those about what the member is known to have are answered. */
  acknowledged(index: number): void {
    if (this.#open.length > 0) this.#open = this.#open.filter((question) => question.index > index);
  }

  /** The link broke, and they with it. */
  lost(): void {
    this.#open.length = 0;
  }
}
