/**
 * A backend whose nodes are scripts: a test says what each node answers, and sees what it was asked.
 */
import type { Backend, ReplyCallback, ServingState } from '../../src/router/dispatch/backend.js';
import { refuse } from '../../src/shard/errors.js';
import type { Answer, NodeHealth, NodeStatus, ShardReply, ShardRequest, Topology } from '../../src/shard/index.js';

export interface ReceivedRequest {
  readonly node: number;
  readonly request: ShardRequest;
  reply(answer: Answer, term?: number): void;
}

export function topologyOf(nodes: number, shards: readonly (readonly number[])[], epoch = 1): Topology {
  return {
    clusterId: 'c1',
    epoch,
    shardCount: shards.length,
    replicas: shards[0]?.length ?? 0,
    hash: 'xxh64',
    leaseReads: false,
    nodes: Array.from({ length: nodes }, (_, i) => ({
      id: i + 1,
      name: `n${i + 1}`,
      peerAddress: `127.0.0.1:${7001 + i}`,
      httpAddress: `127.0.0.1:${8001 + i}`,
    })),
    shards,
  };
}

export class FakeCluster implements Backend {
  self: number | undefined;
  known: Topology | undefined;
  serving: ServingState = 'serving';
  readonly dead = new Set<number>();
  readonly leaders = new Map<number, number>();
  readonly asked: ReceivedRequest[] = [];
  /** What a node does when it is asked; without one it stays silent. */
  readonly scripts = new Map<number, (asked: ReceivedRequest) => void>();
  readonly #listeners: ((topology: Topology) => void)[] = [];

  constructor(topology: Topology | undefined, self?: number) {
    this.known = topology;
    this.self = self;
  }

  topology(): Topology | undefined {
    return this.known;
  }
  onTopology(listener: (topology: Topology) => void): void {
    this.#listeners.push(listener);
  }
  change(topology: Topology): void {
    this.known = topology;
    for (const listener of this.#listeners) listener(topology);
  }
  alive(node: number): boolean {
    return !this.dead.has(node);
  }
  leaderOf(shard: number): number | undefined {
    return this.leaders.get(shard);
  }
  submit(node: number, request: ShardRequest, done: ReplyCallback): void {
    const asked: ReceivedRequest = {
      node,
      request,
      reply: (answer, term = 1) => {
        const reply: ShardReply = { answer, term, servedBy: node };
        done(reply);
      },
    };
    this.asked.push(asked);
    this.scripts.get(node)?.(asked);
  }
  statuses(): Promise<ReadonlyMap<number, NodeStatus | undefined>> {
    return Promise.resolve(new Map());
  }
  localStatus(): NodeStatus | undefined {
    return undefined;
  }
  health(): NodeHealth | undefined {
    return undefined;
  }
  state(): ServingState {
    return this.serving;
  }

  /** Nodes in the order in which they were asked. */
  get path(): number[] {
    return this.asked.map((each) => each.node);
  }
}

export const notLeader = (leader?: number): Answer =>
  refuse('not-here', undefined, leader === undefined ? {} : { leader });
