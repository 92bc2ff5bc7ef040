/** What a kind of fault is given to do its work with, and what comes of it. */
import type { NodeId } from '../shard/index.js';
import type { Random } from '../random.js';
import type { Scheduler } from './scheduler.js';
import type { SimCluster } from './sim-cluster.js';
import type { VirtualNode } from './virtual-node.js';

export interface Scene {
  readonly cluster: SimCluster;
  readonly scheduler: Scheduler;
  /** Of this fault alone. */
  readonly random: Random;
  readonly lastsMs: number;
}

export interface Injected {
  /** To whom, for the story. */
  readonly what: string;
  readonly end: () => void;
}

/** Undefined = there was nobody to whom it could be done. */
export type Inject = (scene: Scene) => Injected | undefined;

export const nothing = (): void => undefined;

export const named = (ids: Iterable<NodeId>): string => [...ids].map((id) => `n${id}`).join(' ');

export function someNode(
  { cluster, random }: Scene,
  fits: (node: VirtualNode) => boolean = () => true,
): VirtualNode | undefined {
  const nodes = cluster.nodes.filter(fits);
  return nodes.length === 0 ? undefined : random.pick(nodes);
}

export function someLeader(scene: Scene): VirtualNode | undefined {
  return someNode(scene, (node) => node.serving && [...node.replicas()].some(({ raft }) => raft.role === 'leader'));
}
