/**
 * What the clients saw, in the format that the checker judges. Time is a count of starts and ends, because only their
 * order matters.
 */
import type { Completion, Invocation, Operation } from '../check/index.js';

export interface Begun {
  readonly start: number;
}

export class History {
  readonly operations: Operation[] = [];
  readonly counts = { ok: 0, failed: 0, unknown: 0 };
  /** Operations that were under way when another one began. */
  overlaps = 0;
  #stamp = 0;
  #open = 0;
  /** Known values, by key and revision. */
  readonly #values = new Map<string, string>();

  begin(): Begun {
    if (this.#open++ > 0) this.overlaps++;
    return { start: ++this.#stamp };
  }

  end(client: number, { start }: Begun, invocation: Invocation, completion: Completion): void {
    this.#open--;
    if (completion.ok === null) this.counts.unknown++;
    else if (completion.ok || completion.error === undefined) this.counts.ok++;
    else this.counts.failed++;
    this.operations.push({ client, ...invocation, ...completion, start, end: ++this.#stamp });
  }

  learn(key: string, revision: number, value: string): void {
    this.#values.set(`${revision} ${key}`, value);
  }

  valueAt(key: string, revision: number): string | undefined {
    return this.#values.get(`${revision} ${key}`);
  }
}
