/** The clients of ranges and namespaces of one simulation. */
import type { Random } from '../random.js';
import { RangeClient, type RangeClientOptions } from './range-client.js';
import type { SimResult } from './result.js';
import type { Scenario } from './scenario.js';

/** Requests of each client that must succeed after healing. */
const SERVED_AGAIN = 2;

export type RangeLoadOptions = Omit<RangeClientOptions, 'number' | 'parameters' | 'random'>;

export class RangeLoad {
  readonly #scenario: Scenario;
  readonly #clients: readonly RangeClient[] = [];
  #due: readonly number[] = [];

  /** @param random of the whole simulation */
  constructor(random: Random, given: RangeLoadOptions) {
    const { scenario, reference } = given;
    this.#scenario = scenario;
    const { ranges: parameters } = scenario;
    if (parameters === undefined) return;
    for (let shard = 0; shard < scenario.shards; shard++) reference.historyOf(shard);
    this.#clients = Array.from({ length: parameters.clients }, (_, number) => {
      return new RangeClient({ ...given, parameters, number, random: random.stream(`range client ${number}`) });
    });
  }

  addTo(counts: SimResult['operations']): SimResult['operations'] {
    let { ok, failed, unknown } = counts;
    for (const client of this.#clients) {
      ok += client.counts.ok;
      failed += client.counts.failed;
      unknown += client.counts.unknown;
    }
    return { ok, failed, unknown };
  }

  get idle(): boolean {
    return this.#clients.every(({ idle }) => idle);
  }

  start(): void {
    for (const client of this.#clients) client.start();
  }

  stop(): void {
    for (const client of this.#clients) client.stop();
  }

  /** From now on, every client has to be served again. */
  expectService(): void {
    this.#due = this.#clients.map(({ served }) => served + SERVED_AGAIN);
  }

  areServed(): boolean {
    return this.#isOptional || this.#clients.every(({ served }, i) => served >= (this.#due[i] ?? 0));
  }

  /** All keys and namespaces can be read; `answered` is called once for every client that was asked. */
  readBack(deadlineMs: number, answered: (ok: boolean) => void): number {
    const [client] = this.#clients;
    if (client === undefined) return 0;
    client.readAll(deadlineMs, (ok) => {
      answered(ok || this.#isOptional);
    });
    return 1;
  }

  judge(): string | undefined {
    return this.#clients.map((client) => client.judge()).find((wrong) => wrong !== undefined);
  }

  /** Some nodes may be of a build without namespaces until the end. */
  get #isOptional(): boolean {
    return this.#scenario.former !== undefined;
  }
}
