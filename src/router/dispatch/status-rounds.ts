/** Asks many nodes for their status at once and gathers the answers until all came or time is up. Knows no link. */
import type { NodeId, NodeStatus, Runtime, Timer } from '../../shard/index.js';

interface Round {
  readonly answers: Map<NodeId, NodeStatus | undefined>;
  readonly waiting: Set<NodeId>;
  readonly timer: Timer;
  readonly finish: () => void;
}

/** Rounds at one time; a further one is answered by what is known at once (nothing of remote nodes). */
const MAX_ROUNDS = 64;

export class StatusRounds {
  readonly #rounds = new Map<number, Round>();
  readonly #runtime: Runtime;
  readonly #send: (node: NodeId, id: number) => boolean;
  #lastId: number;

  /** `send` asks one node and says whether the question left. `lastId`: after which ids begin, for tests. */
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

  /** A node that is gone will not answer. */
  dropNode(node: NodeId): void {
    for (const round of [...this.#rounds.values()]) {
      if (round.waiting.delete(node) && round.waiting.size === 0) round.finish();
    }
  }

  close(): void {
    for (const round of [...this.#rounds.values()]) round.finish();
  }
}
