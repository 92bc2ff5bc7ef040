/** What some seeds have beside the clients of single keys: transactions over lists, and ranges. */
import type { NodeId, ReplicaView } from '../shard/index.js';
import type { Random } from '../random.js';
import { RangeLoad, type RangeLoadOptions } from './range-load.js';
import type { SimResult } from './result.js';
import { TransactionLoad } from './transaction-load.js';

type Given = RangeLoadOptions & ConstructorParameters<typeof TransactionLoad>[1];

export class SideLoads {
  readonly #transactions: TransactionLoad;
  readonly #ranges: RangeLoad;

  /** @param random of the whole simulation */
  constructor(random: Random, given: Given) {
    this.#transactions = new TransactionLoad(random, given);
    this.#ranges = new RangeLoad(random, given);
  }

  /** What else the clients did, and this. */
  addTo(counts: SimResult['operations']): SimResult['operations'] {
    return this.#ranges.addTo(this.#transactions.addTo(counts));
  }

  get idle(): boolean {
    return this.#transactions.idle && this.#ranges.idle;
  }

  start(): void {
    this.#transactions.start();
    this.#ranges.start();
  }

  stop(): void {
    this.#transactions.stop();
    this.#ranges.stop();
  }

  /** Must be called after every event at a node. @throws InvariantViolation */
  inspect(id: NodeId, replicas: Iterable<ReplicaView>): void {
    this.#transactions.inspect(id, replicas);
  }

  /** From now on, every client has to be served again, and no transaction may stay undecided. */
  expectService(electionMs: number): void {
    this.#transactions.expectService(electionMs);
    this.#ranges.expectService();
  }

  areServed(): boolean {
    return this.#transactions.areServed() && this.#ranges.areServed();
  }

  /** Everything can be read, and every list written; `answered` is called as often as the result says. */
  readBack(deadlineMs: number, answered: (ok: boolean) => void): number {
    return this.#transactions.writeBack(deadlineMs, answered) + this.#ranges.readBack(deadlineMs, answered);
  }

  /** @returns why the answers cannot be explained; undefined: they can */
  judge(): string | undefined {
    return this.#transactions.judge() ?? this.#ranges.judge();
  }
}
