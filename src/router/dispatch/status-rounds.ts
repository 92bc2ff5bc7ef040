/** Asks many nodes for their status at once, and collects answers until all have arrived or time is up. */
import type { NodeId, NodeStatus, Runtime, Timer } from '../../shard/index.js';

interface Round {
  readonly answers: Map<NodeId, NodeStatus | undefined>;
  readonly waiting: Set<NodeId>;
  readonly timer: Timer;
  readonly finish: () => void;
}

/** Concurrent rounds; a further one ends at once without answers of remote nodes. */
const MAX_ROUNDS = 64;

export class StatusRounds {
  readonly #rounds = new Map<number, Round>();
  readonly #runtime: Runtime;
  readonly #send: (node: NodeId, id: number) => boolean;
  #lastId: number;

  /** `send` asks one node and returns whether the question was sent. `lastId`: ids begin after it, for tests. */
  constructor(runtime: Runtime, send: (node: NodeId, id: number) => boolean, lastId = 0) {
    this.#runtime = runtime;
    this.#send = send;
    this.#lastId = lastId;
  }

  ask(nodes: readonly NodeId[], timeoutMs: number): Promise<Map<NodeId, NodeStatus | undefined>> {
    const answers = new Map<NodeId, NodeStatus | undefined>(nodes.map((node) => [node, undefined]));
    const waiting = new Set<NodeId>();
    if (this.#rounds.size >= MAX_ROUNDS) return Promise.resolve(answers);
    const id = (this.#lastId = (this.#lastId % 0xffff_ffff) + 1);
    for (const node of nodes) if (this.#send(node, id)) waiting.add(node);
    if (waiting.size === 0) return Promise.resolve(answers);
    return new Promise((resolve) => {
      const finish = (): void => {
        this.#rounds.delete(id);
        timer.cancel();
        resolve(answers);
      };
      const timer = this.#runtime.after(timeoutMs, finish);
      this.#rounds.set(id, { answers, waiting, timer, finish });
    });
  }

  settle(from: NodeId, id: number, status: NodeStatus): void {
    const round = this.#rounds.get(id);
    if (round?.waiting.delete(from) !== true) return;
    round.answers.set(from, status);
    if (round.waiting.size === 0) round.finish();
  }

  /** The link to the node is gone, and with it its answer. */
  dropNode(node: NodeId): void {
    for (const round of [...this.#rounds.values()]) {
      if (round.waiting.delete(node) && round.waiting.size === 0) round.finish();
    }
  }

  close(): void {
    for (const round of [...this.#rounds.values()]) round.finish();
  }
}
