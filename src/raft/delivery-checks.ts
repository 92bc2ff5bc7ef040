/**
 * Delivery checks that a leader has sent to one member and that are not answered yet. A check is an empty append behind
 * everything that was sent: a member that lacks an entry refuses it, which proves a loss.
 *
 * A refusal carries the index and nothing else, so two checks of one index are answered alike. One that was sent before
 * the entries were resent proves nothing about the resent ones; answers come in the order of the checks.
 */

/** Indexes tracked, the newest ones. */
const MAX_INDEXES = 16;
/** Unanswered checks counted per index; links are closed before there are more, so more than these were lost. */
const MAX_PER_INDEX = 64;

interface Check {
  readonly index: number;
  /** Sent before the entries were last resent, and since. */
  earlier: number;
  later: number;
}

export class DeliveryChecks {
  /** Oldest first. */
  #open: Check[] = [];

  started(index: number): void {
    const known = this.#checkOf(index);
    if (known !== undefined) {
      known.later++;
      return;
    }
    this.#open.push({ index, earlier: 0, later: 1 });
    if (this.#open.length > MAX_INDEXES) this.#open.shift();
  }

  /** Entries are resent from here on: the checks sent so far are about the earlier ones. */
  resend(): void {
    for (const check of this.#open) {
      check.earlier = Math.min(check.earlier + check.later, MAX_PER_INDEX);
      check.later = 0;
    }
  }

  /** An append behind `index` was refused. True: that answers a check sent since the last `resend`. */
  refused(index: number): boolean {
    const check = this.#checkOf(index);
    if (check === undefined) return false;
    if (check.earlier > 0) {
      check.earlier--;
      return false;
    }
    if (check.later === 0) return false;
    check.later--;
    return true;
  }

  /** The member holds everything up to `index`: checks up to there are answered. */
  acknowledged(index: number): void {
    if (this.#open.length > 0) this.#open = this.#open.filter((check) => check.index > index);
  }

  /** The link broke, and everything under way on it is lost. */
  clear(): void {
    this.#open.length = 0;
  }

  #checkOf(index: number): Check | undefined {
    return this.#open.find((check) => check.index === index);
  }
}
