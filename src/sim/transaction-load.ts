/** The clients of transactions of one simulation, what they saw, and the judgement on it. */
import { checkTransactions, formatTransactionReport } from '../check/index.js';
import { InvariantViolation } from '../raft/index.js';
import type { NodeId, ReplicaView } from '../shard/index.js';
import { KeyedAnswers } from './keyed-answers.js';
import type { SimResult } from './result.js';
import type { Scenario } from './scenario.js';
import type { Random } from '../random.js';
import { TransactionClient, type TransactionClientOptions } from './transaction-client.js';
import { TransactionChecker, type TransactionCheckerOptions } from './transaction-checker.js';
import { TransactionHistory } from './transaction-history.js';

/** Transactions of each client that must succeed after healing. */
const SERVED_AGAIN = 3;
/** After healing, a transaction whose coordinator is gone is found and finished within this time. */
const UNDECIDED_MS = 5_000;
/** Time for messages over narrow links. */
const UNDECIDED_ELECTIONS = 4;
const PROBE_EVERY_MS = 100;

type Given = Omit<TransactionClientOptions, 'number' | 'parameters' | 'random' | 'history' | 'answers'> & {
  readonly nodes: TransactionCheckerOptions['nodes'];
  readonly onStuck: (what: string) => void;
};

export class TransactionLoad {
  readonly #scenario: Scenario;
  readonly #history = new TransactionHistory();
  readonly #answers = new KeyedAnswers();
  readonly #clients: readonly TransactionClient[] = [];
  readonly #checker: TransactionChecker | undefined;
  readonly #given: Given;
  #due: readonly number[] = [];

  /** @param random of the whole simulation */
  constructor(random: Random, given: Given) {
    this.#given = given;
    this.#scenario = given.scenario;
    const { transactions: parameters } = given.scenario;
    if (parameters === undefined) return;
    const { nodes, scenario, scheduler, reached } = given;
    this.#checker = new TransactionChecker({ nodes, shards: scenario.shards, now: () => scheduler.now, reached });
    this.#clients = Array.from({ length: parameters.clients }, (_, number) => {
      const own = random.stream(`transaction client ${number}`);
      const seen = { history: this.#history, answers: this.#answers };
      return new TransactionClient({ ...given, parameters, number, random: own, ...seen });
    });
  }

  /** What else the clients did, and this. */
  addTo({ ok, failed, unknown }: SimResult['operations']): SimResult['operations'] {
    const { counts } = this.#history;
    return { ok: ok + counts.ok, failed: failed + counts.failed, unknown: unknown + counts.unknown };
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

  /** Must be called after every event at a node. @throws InvariantViolation */
  inspect(id: NodeId, replicas: Iterable<ReplicaView>): void {
    this.#checker?.inspect(id, replicas);
  }

  /** From now on, every client has to be served again, and no transaction may stay undecided. */
  expectService(electionMs: number): void {
    if (this.#checker !== undefined && this.#scenario.trial === undefined) this.#probe(electionMs);
    this.#due = this.#clients.map(({ served }) => served + SERVED_AGAIN);
  }

  areServed(): boolean {
    return this.#isOptional || this.#clients.every(({ served }, i) => served >= (this.#due[i] ?? 0));
  }

  /** Every list can be read and written; `answered` is called once for every client that was asked. */
  writeBack(deadlineMs: number, answered: (ok: boolean) => void): number {
    const [client] = this.#clients;
    if (client === undefined) return 0;
    client.writeAll(deadlineMs, (ok) => {
      answered(ok || this.#isOptional);
    });
    return 1;
  }

  /** @returns how answers under one id differ, or why no order of the transactions explains what was read; undefined: one does */
  judge(): string | undefined {
    if (this.#answers.disagreement !== undefined) return this.#answers.disagreement;
    const { records } = this.#history;
    const result = checkTransactions(records, { timeoutMs: Infinity, now: () => 0 });
    return result.verdict === 'ILLEGAL' ? formatTransactionReport(result, records).trimEnd() : undefined;
  }

  #probe(electionMs: number): void {
    const { scheduler, onStuck } = this.#given;
    try {
      this.#checker?.inspectUndecided(UNDECIDED_MS + UNDECIDED_ELECTIONS * electionMs);
    } catch (error) {
      if (!(error instanceof InvariantViolation)) throw error;
      onStuck(error.message);
      return;
    }
    scheduler.after(PROBE_EVERY_MS, undefined, () => {
      this.#probe(electionMs);
    });
  }

  /** Some nodes may be of a build without transactions until the end. */
  get #isOptional(): boolean {
    return this.#scenario.former !== undefined;
  }
}
