/** What the clients saw of transactions over lists, for the checker of transactions. Time is a count, as in `history.ts`. */
import type { TransactionRecord } from '../check/index.js';

export class TransactionHistory {
  readonly records: TransactionRecord[] = [];
  readonly counts = { ok: 0, failed: 0, unknown: 0 };
  #stamp = 0;

  begin(): number {
    return ++this.#stamp;
  }

  end(client: number, start: number, ops: TransactionRecord['ops'], ok: boolean | null): void {
    if (ok === null) this.counts.unknown++;
    else if (ok) this.counts.ok++;
    else this.counts.failed++;
    this.records.push({ client, ops, ok, start, end: ++this.#stamp });
  }
}
