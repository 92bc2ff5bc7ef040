/**
 * Where a run takes place: a cluster to drive and a hand to hurt it with. The seam between the run and the ways to put
 * up a cluster (processes on this machine behind proxies, nodes in network namespaces of their own).
 */
import type { FaultControl } from '../../src/faults/index.js';
import type { FaultKind } from './kinds.js';

export interface Scene {
  readonly control: FaultControl;
  /** Base URLs that serve the API: routers and nodes. They stay the same while the cluster lives. */
  readonly endpoints: readonly string[];
  /** Logs and data; the run puts its history there, too. */
  readonly folder: string;
  /** Kinds that cannot be done here, and why. */
  readonly cannot: ReadonlyMap<FaultKind, string>;
  /** Settles when the cluster is gone; before `stop` was called that is a failure. */
  readonly ended: Promise<void>;
  /** Ends every process; what is in the folder stays. */
  stop(): Promise<void>;
}

export interface SceneOptions {
  readonly nodes: number;
  readonly replicas: number;
  readonly routers: number;
  readonly shards: number;
  readonly kinds: readonly FaultKind[];
}

/** @throws Error if the cluster does not come up; nothing is left running then */
export type StartScene = (options: SceneOptions) => Promise<Scene>;
