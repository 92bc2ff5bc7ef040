/**
 * What the clients saw, in the format that the checker judges. Time is a count of starts and ends, because only their
 * order matters. So a time to live is the count at which the key could go: that of the first start or end after the
 * replicated time of its shard, anywhere, had passed the earliest moment that its deadline can be (`reference.ts`). It is
 * exact, whatever the clocks do, and needs no tolerance.
 */
import type { Completion, Invocation, Operation } from '../check/index.js';

export interface Begun {
  readonly start: number;
}

/** When a key that is written may expire: the count, once it is known. */
export interface Deadline {
  due: number | undefined;
}

/** One of the operations that a client requested together. */
export interface Ended {
  readonly invocation: Invocation;
  readonly completion: Completion;
  readonly deadline?: Deadline | undefined;
}

export class History {
  readonly #operations: { readonly operation: Operation & Begun; readonly deadline: Deadline | undefined }[] = [];
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

  end(client: number, { start }: Begun, ended: readonly Ended[]): void {
    this.#open--;
    for (const { invocation, completion, deadline } of ended) {
      if (completion.ok === null) this.counts.unknown++;
      else if (completion.ok || completion.error === undefined) this.counts.ok++;
      else this.counts.failed++;
      this.#operations.push({
        operation: { client, ...invocation, ...completion, start, end: ++this.#stamp },
        deadline,
      });
    }
  }

  /** The deadline can have come from now on. */
  passed(deadline: Deadline): void {
    deadline.due = this.#stamp + 1;
  }

  /** For the checker; once all is over. */
  operations(): Operation[] {
    return this.#operations.map(({ operation, deadline }) => {
      if (deadline === undefined) return operation;
      return { ...operation, ttl: (deadline.due ?? this.#stamp + 1) - operation.start };
    });
  }

  learn(key: string, revision: number, value: string): void {
    this.#values.set(`${revision} ${key}`, value);
  }

  valueAt(key: string, revision: number): string | undefined {
    return this.#values.get(`${revision} ${key}`);
  }
}
