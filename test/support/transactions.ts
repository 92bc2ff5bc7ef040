/**
 * Histories of transactions over lists, made from a seed: what clients of a correct store would have recorded.
 *
 * A history is made the way it happens: clients call one transaction after the other, and each takes effect at one moment
 * between its start and its end. Keys are replaced by new ones from time to time, so that lists, and with them the
 * history, do not grow quadratically.
 */
import type { TransactionRecord } from '../../src/check/index.js';
import { seededRandom } from '../../src/random.js';

export interface TransactionPlan {
  readonly seed: number;
  readonly transactions: number;
  readonly clients: number;
  /** Keys in use at a time. */
  readonly keys: number;
  /** Operations in a transaction, at the most. */
  readonly operations: number;
  /** Elements of a list, until its key is replaced. */
  readonly length: number;
  /** Share of transactions whose answer is lost. Half of these take effect. */
  readonly unknownShare?: number;
}

interface Call {
  readonly client: number;
  readonly start: number;
  readonly end: number;
  readonly ok: true | null;
  readonly at: number;
}

/** In the order of their calls. Each client waits for an answer, or gives up, before its next call. */
export function correctTransactions(plan: TransactionPlan): TransactionRecord[] {
  const random = seededRandom(plan.seed);
  const store = new Store(plan, random);
  const made = new Map<Call, TransactionRecord>();
  const calls = generateCalls(plan, random);
  for (const call of [...calls].sort((a, b) => a.at - b.at)) {
    const { client, start, end, ok } = call;
    const happens = ok === true || random() < 0.5;
    made.set(call, { client, ops: store.execute(ok === true, happens), ok, start, end });
  }
  return calls.flatMap((call) => made.get(call) ?? []);
}

function generateCalls({ transactions, clients, unknownShare = 0 }: TransactionPlan, random: () => number): Call[] {
  const clock = new Array<number>(clients).fill(0);
  return Array.from({ length: transactions }, (_, i) => {
    const client = i % clients;
    const start = clock[client]! + Math.floor(random() * 100);
    const end = start + 100 + Math.floor(random() * 900);
    clock[client] = end + 1;
    return { client, start, end, ok: random() < unknownShare ? null : true, at: start + random() * (end - start) };
  });
}

class Store {
  readonly #plan: TransactionPlan;
  readonly #random: () => number;
  readonly #lists: { key: number; list: number[] }[];
  #keys = 0;
  #elements = 0;

  constructor(plan: TransactionPlan, random: () => number) {
    this.#plan = plan;
    this.#random = random;
    this.#lists = Array.from({ length: plan.keys }, () => ({ key: this.#keys++, list: [] }));
  }

  execute(answered: boolean, happens: boolean): TransactionRecord['ops'] {
    const count = 1 + Math.floor(this.#random() * this.#plan.operations);
    const replaced = new Set<number>();
    const ops = Array.from({ length: count }, (): TransactionRecord['ops'][number] => {
      const slot = Math.floor(this.#random() * this.#lists.length);
      const { key, list } = this.#lists[slot]!;
      if (this.#random() < 0.5) return ['r', key, answered ? [...list] : null];
      const element = this.#elements++;
      if (happens) list.push(element);
      if (list.length >= this.#plan.length) replaced.add(slot);
      return ['append', key, element];
    });
    for (const slot of replaced) this.#lists[slot] = { key: this.#keys++, list: [] };
    return ops;
  }
}
