/**
 * Faults of a running cluster, and its status: plain values, the same for every implementation of `FaultControl`.
 */

/** Nodes are 1..N, as in `n1`..; routers are `r1`.. . */
export type RouterName = `r${number}`;
export type Party = number | RouterName;

export type Fault =
  /**
   * Parties on different sides cannot communicate. Nodes that are not named form one more side; routers that are not
   * named reach all nodes. Replaces all present cuts.
   */
  | { readonly type: 'partition'; readonly sides: readonly (readonly Party[])[] }
  /** Cuts this node off from all other nodes; routers still reach it. Adds to the present cuts. */
  | { readonly type: 'isolate'; readonly node: number }
  /** One way: what `from` sends does not reach `to`. Adds to the present cuts. */
  | { readonly type: 'cut'; readonly from: Party; readonly to: Party }
  /** Each node sees a majority, no two the same one. Replaces all cuts. `order`: around the ring; default 1..N. */
  | { readonly type: 'ring'; readonly order?: readonly number[] }
  /**
   * Two halves joined by one node that sees all. Replaces all cuts. `order`: its middle is the bridge; default 1..N.
   */
  | { readonly type: 'bridge'; readonly order?: readonly number[] }
  /** No link is cut any more. All else stays: slow, lossy and narrow links, dead and paused nodes. */
  | { readonly type: 'mend' }
  /** Each direction takes `ms` longer; 0 = no longer. */
  | { readonly type: 'delay'; readonly a: Party; readonly b: Party; readonly ms: number }
  /** Each direction loses this share of what is sent, which TCP retransmits; 0 = nothing. */
  | { readonly type: 'drop'; readonly a: Party; readonly b: Party; readonly percent: number }
  /** Each direction passes this many thousand bits per second; 0 = unlimited. */
  | { readonly type: 'rate'; readonly a: Party; readonly b: Party; readonly kbitPerSecond: number }
  /** SIGKILL; SIGSTOP; SIGCONT; start again (with a SIGKILL first if it runs). */
  | { readonly type: 'kill' | 'pause' | 'resume' | 'restart'; readonly node: number }
  /** SIGKILL of every running node at one moment: none has time to notice that the others died. */
  | { readonly type: 'kill-all' }
  /** Each sync of the node's files takes `ms` longer; 0 = no longer. Only where the shim is loaded. */
  | { readonly type: 'slow-disk'; readonly node: number; readonly ms: number }
  /**
   * The node's wall clock is off by so many milliseconds, not its monotonic clock; 0 = right again. Likewise only with
   * the shim.
   */
  | { readonly type: 'step-clock'; readonly node: number; readonly ms: number }
  /**
   * Until the heal, and only with the shim: syncs of the node's files do not return; nothing can be written to them, as
   * on a full disk; all writes and syncs of them fail, as on a broken disk, so that the node exits.
   */
  | { readonly type: 'hang-disk' | 'fill-disk' | 'fail-disk'; readonly node: number }
  /**
   * Each with a SIGKILL first and a start after it. The folder is emptied; or a copy of it is kept beside it; or it is
   * replaced by the latest such copy.
   */
  | { readonly type: 'wipe-disk' | 'keep-disk' | 'roll-back-disk'; readonly node: number }
  /** A copy of the node's folder is started beside the node, as a second process of it. The heal removes it. */
  | { readonly type: 'copy-node'; readonly node: number }
  /**
   * The node is killed, and until the heal a node of another cluster with the same name and settings uses its
   * addresses.
   */
  | { readonly type: 'stray-node'; readonly node: number }
  /** Restarts the node (with a SIGKILL first if it runs) with other settings than the rest, until the heal. */
  | { readonly type: 'restart-with'; readonly node: number; readonly settings: NodeSettings }
  /**
   * Ends all faults of links, processes and disks: paused nodes resume, dead ones are restarted, strays and copies
   * removed.
   */
  | { readonly type: 'heal' };

/** Settings on which the whole cluster must agree. At least one. */
export interface NodeSettings {
  readonly tickMs?: number;
  readonly electionTicks?: number;
  readonly leaseReads?: true;
}

/** A second process of a node, which runs beside it. */
export interface CopyView {
  readonly pid: number;
  readonly state: 'running' | 'dead';
  readonly ended: string | null;
  readonly warnings: readonly string[];
}

export interface NodeView {
  readonly node: number;
  readonly name: string;
  /** Process id of its latest process. */
  readonly pid: number;
  readonly state: 'running' | 'paused' | 'dead';
  /** How its latest process ended, when it is dead: "was killed by SIGKILL", "ended with code 1". */
  readonly ended: string | null;
  /** Whether a fault killed it. A dead node that no fault killed has crashed. */
  readonly killed: boolean;
  /** Base URL of its HTTP API, such as http://127.0.0.1:20123, without a proxy. */
  readonly url: string;
  readonly slowDiskMs: number;
  /** What else is wrong with its disk. */
  readonly disk?: readonly ('hangs' | 'full' | 'fails')[];
  /** Offset of its wall clock. Absent: none. */
  readonly clockOffMs?: number;
  /** Warnings and errors in its latest process's log: the first of each message, a limited number. */
  readonly warnings: readonly string[];
  /** A node of another cluster runs at its addresses; it runs with settings of its own. */
  readonly stray?: true;
  readonly settings?: NodeSettings;
  readonly copy?: CopyView;
}

export interface ShardView {
  readonly shard: number;
  /** The node that claims to lead in the highest term; null if no running node claims to. */
  readonly leader: number | null;
  readonly term: number;
}

/** One direction of a link that is not healthy. */
export interface LinkView {
  readonly from: Party;
  readonly to: Party;
  readonly cut: boolean;
  readonly delayMs: number;
  readonly dropPercent: number;
  readonly kbitPerSecond: number;
  /** The longest that a narrow link held a piece up, of all that it had to pass. */
  readonly heldMs?: number;
}

export interface RouterView {
  readonly name: RouterName;
  /** Base URL of its HTTP API. */
  readonly url: string;
}

export interface FaultStatus {
  readonly nodes: readonly NodeView[];
  readonly shards: readonly ShardView[];
  readonly links: readonly LinkView[];
  readonly routers: readonly RouterView[];
}

export interface FaultControl {
  /** @throws FaultRefused with the reason; nothing has changed then */
  apply(fault: Fault): Promise<void>;
  status(): Promise<FaultStatus>;
}

/** A fault that is invalid, or not possible in the cluster's present state. Nothing was changed. */
export class FaultRefused extends Error {
  override readonly name = 'FaultRefused';
}
