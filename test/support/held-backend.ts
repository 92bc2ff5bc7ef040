/** Records and holds the operations that the HTTP front hands to its backend, whatever backend that is. */
import type { Backend, ReplyCallback, ServingState } from '../../src/router/dispatch/backend.js';
import type { NodeHealth, NodeStatus, ShardRequest, Topology } from '../../src/shard/index.js';

export interface HeldBackend extends Backend {
  /** Requests that the front submitted, in order. */
  readonly received: ShardRequest[];
  /** While true, requests are held; `release` passes them on. */
  holding: boolean;
  readonly held: number;
  release(): void;
}

/** A real backend behind which requests are recorded and can be held. */
export class RecordingBackend implements HeldBackend {
  readonly received: ShardRequest[] = [];
  holding = false;
  readonly #inner: Backend;
  #held: (() => void)[] = [];

  constructor(inner: Backend) {
    this.#inner = inner;
  }

  get self(): number | undefined {
    return this.#inner.self;
  }
  get held(): number {
    return this.#held.length;
  }
  topology(): Topology | undefined {
    return this.#inner.topology();
  }
  onTopology(listener: (topology: Topology) => void): void {
    this.#inner.onTopology(listener);
  }
  alive(node: number): boolean {
    return this.#inner.alive(node);
  }
  leaderOf(shard: number): number | undefined {
    return this.#inner.leaderOf(shard);
  }
  statuses(timeoutMs: number): Promise<ReadonlyMap<number, NodeStatus | undefined>> {
    return this.#inner.statuses(timeoutMs);
  }
  localStatus(): NodeStatus | undefined {
    return this.#inner.localStatus();
  }
  health(): NodeHealth | undefined {
    return this.#inner.health();
  }
  state(): ServingState {
    return this.#inner.state();
  }
  submit(node: number, request: ShardRequest, done: ReplyCallback): void {
    this.received.push(request);
    const act = (): void => {
      this.#inner.submit(node, request, done);
    };
    if (this.holding) this.#held.push(act);
    else act();
  }
  release(): void {
    this.holding = false;
    for (const act of this.#held.splice(0)) act();
  }
}
