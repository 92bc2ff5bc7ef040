/** The input of a kind of fault, and its result. */
import type { NodeId } from '../shard/index.js';
import type { Random } from '../random.js';
import type { Scheduler } from './scheduler.js';
import type { SimCluster } from './sim-cluster.js';
import type { VirtualNode } from './virtual-node.js';

export interface Scene {
  readonly cluster: SimCluster;
  readonly scheduler: Scheduler;
  /** A stream of this fault's own. */
  readonly random: Random;
  readonly lastsMs: number;
}

export interface Injected {
  /** The target of the fault, for the trace. */
  readonly what: string;
  readonly end: () => void;
}

/** Undefined = there was no suitable target. */
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
