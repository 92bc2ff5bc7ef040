/**
 * Where a run takes place: a cluster to drive, and a control to inject faults with. The interface between the run and
 * the ways to start a cluster (processes on this machine behind proxies, nodes in network namespaces of their own).
 */
import type { FaultControl } from '../../src/faults/index.js';
import type { FaultKind } from './kinds.js';

export interface Scene {
  readonly control: FaultControl;
  /** Base URLs that serve the API: routers and nodes. They do not change while the cluster runs. */
  readonly endpoints: readonly string[];
  /** Logs and data; the run also puts its history there. */
  readonly folder: string;
  /** Kinds that cannot be injected here, and why. */
  readonly cannot: ReadonlyMap<FaultKind, string>;
  /** Settles when the cluster has ended; a failure unless `stop` was called. */
  readonly ended: Promise<void>;
  /** Ends every process; the folder's contents are kept. */
  stop(): Promise<void>;
}

export interface SceneOptions {
  readonly nodes: number;
  readonly replicas: number;
  readonly routers: number;
  readonly shards: number;
  readonly kinds: readonly FaultKind[];
  readonly workload?: string;
}

/** @throws Error if the cluster does not come up; nothing is left running then */
export type StartScene = (options: SceneOptions) => Promise<Scene>;
