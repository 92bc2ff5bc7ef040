/**
 * The composition root: the only file that wires a node process, or a router process, out of all rooms.
 */
import type { Address, NodeConfig, RouterConfig } from './config/index.js';
import type { Logger } from './shard/runtime.js';

export interface RunningNode {
  /** Where it really listens: a configured port 0 has become a number. */
  readonly http: Address;
  readonly peer: Address;
  /** Settles if the node fails by itself, such as on a broken disk; never rejects. */
  readonly failed: Promise<Error>;
  /** Refuses new work, hands leadership over, finishes or refuses what is under way, closes the files. */
  stop(): Promise<void>;
}

export interface RunningRouter {
  readonly http: Address;
  /** Shards that have no leader as far as the nodes say; undefined while the topology is not known. */
  leaderless(): Promise<readonly number[] | undefined>;
  stop(): Promise<void>;
}

export function startNode(config: NodeConfig, logger: Logger): Promise<RunningNode> {
  throw new Error(`not wired: ${config.name} ${typeof logger}`);
}

export function startRouter(config: RouterConfig, logger: Logger): Promise<RunningRouter> {
  throw new Error(`not wired: ${config.listen.host} ${typeof logger}`);
}
