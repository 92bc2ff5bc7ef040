/**
 * Faults of a node's identity: its folder goes back in time, a second process runs on a copy of it, another cluster's
 * node runs at its addresses, it is started with other settings than the rest.
 *
 * Nodes that are not as usual are tracked until the heal. Each fault settles when the process that it started answers,
 * so that the fault has taken effect. Processes are controlled through `NodeProcesses` only.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { FaultRefused, type CopyView, type Fault, type NodeSettings, type NodeView } from './fault.js';
import type { FaultyDisks } from './faulty-disks.js';
import { NodeFolders } from './node-folders.js';

export type IdentityFault = Extract<
  Fault,
  { type: 'wipe-disk' | 'keep-disk' | 'roll-back-disk' | 'copy-node' | 'stray-node' | 'restart-with' }
>;

export type ProcessView = Pick<NodeView, 'pid' | 'state' | 'ended' | 'killed' | 'warnings'>;

/** Options of one process of a node. */
export interface ProcessOptions {
  /** Used in place of the node's own folder. */
  readonly dataDir?: string;
  readonly settings?: NodeSettings;
}

/** A second process of a node. */
export interface NodeCopy {
  readonly view: CopyView;
  /** Settles when it serves, or is gone. */
  readonly up: Promise<void>;
  /** SIGKILL; settles when it is gone. */
  kill(): Promise<void>;
}

/**
 * Control of the node processes, implemented by their owner. Numbers are 1..N and known to exist; states were checked
 * before.
 */
export interface NodeProcesses {
  view(node: number): ProcessView;
  /** SIGKILL; settles when the process is gone. */
  kill(node: number): Promise<void>;
  pause(node: number): void;
  resume(node: number): void;
  /** @throws if the cluster is stopping */
  start(node: number, options?: ProcessOptions): void;
  /** Beside the node, on another folder and at addresses of its own. Absent where that is not supported. */
  startCopy?(node: number, dataDir: string): NodeCopy;
  /** The folder that this node has in another cluster with the same name and settings; created at the first call. */
  strayFolder?(node: number): Promise<string>;
}

export interface IdentityFaultsOptions {
  readonly nodes: readonly { readonly url: string; readonly dataDir: string }[];
  readonly processes: NodeProcesses;
  readonly disks: FaultyDisks;
  /** How long to wait for a started process to answer. */
  readonly answerLimitMs: number;
}

const LOOK_PAUSE_MS = 20;
const ASK_LIMIT_MS = 1_000;

export class IdentityFaults {
  readonly #options: IdentityFaultsOptions;
  readonly #folders: NodeFolders;
  /** Nodes that run with unusual options. */
  readonly #unusual = new Map<number, ProcessOptions>();
  readonly #copies = new Map<number, NodeCopy>();

  constructor(options: IdentityFaultsOptions) {
    this.#options = options;
    this.#folders = new NodeFolders(options.nodes.map(({ dataDir }) => dataDir));
  }

  view(node: number): Pick<NodeView, 'stray' | 'settings' | 'copy'> {
    const { dataDir, settings } = this.#unusual.get(node) ?? {};
    const copy = this.#copies.get(node)?.view;
    return {
      ...(dataDir === undefined ? {} : { stray: true }),
      ...(settings === undefined ? {} : { settings }),
      ...(copy === undefined ? {} : { copy }),
    };
  }

  /** @throws FaultRefused if it is not possible now, or not supported here */
  async apply(fault: IdentityFault): Promise<void> {
    const { node } = fault;
    const refuse = (why: string) => new FaultRefused(`${fault.type}: ${why}`);
    const { processes } = this.#options;
    const isStray = this.#unusual.get(node)?.dataDir !== undefined;
    switch (fault.type) {
      case 'wipe-disk':
        return this.#anew(node, () => this.#folders.wipe(node));
      case 'keep-disk':
        return this.#anew(node, () => this.#folders.keep(node));
      case 'roll-back-disk':
        if (!this.#folders.hasKept(node)) throw refuse(`nothing was kept of node ${node}; keep-disk ${node} first`);
        return this.#anew(node, () => this.#folders.rollBack(node));
      case 'copy-node':
        if (this.#copies.has(node)) throw refuse(`node ${node} has a copy beside it already`);
        if (isStray) throw refuse(`a node of another cluster stands in for node ${node}; heal first`);
        if (processes.view(node).state !== 'running') throw refuse(`node ${node} does not run`);
        return this.#copyBeside(node, refuse);
      case 'stray-node': {
        if (isStray) throw refuse(`a node of another cluster stands in for node ${node} already`);
        if (processes.strayFolder === undefined) throw refuse('there can be no other cluster here');
        const dataDir = await processes.strayFolder(node);
        return this.#startAs(node, { dataDir });
      }
      case 'restart-with':
        return this.#startAs(node, { settings: fault.settings });
    }
  }

  /** Starts a node, which must be dead, with its usual options. */
  start(node: number): void {
    this.#unusual.delete(node);
    this.#options.processes.start(node);
  }

  /** Ends everything unusual; the affected nodes are dead then, and can be started. */
  async heal(): Promise<void> {
    const { processes } = this.#options;
    await Promise.all(
      [...this.#copies].map(async ([node, copy]) => {
        await copy.kill();
        await this.#folders.removeCopy(node);
      }),
    );
    this.#copies.clear();
    await Promise.all([...this.#unusual.keys()].map((node) => processes.kill(node)));
    this.#unusual.clear();
  }

  /**
   * Ends copies and removes every folder that is not a node's own; also those of an earlier supervisor that was killed.
   */
  async clear(): Promise<void> {
    await Promise.all([...this.#copies.values()].map((copy) => copy.kill()));
    this.#copies.clear();
    await this.#folders.clear();
  }

  /** The node is dead while `change` runs. A faulty disk counts as replaced. */
  async #anew(node: number, change: () => Promise<void>): Promise<void> {
    const { processes, disks } = this.#options;
    if (processes.view(node).state !== 'dead') await processes.kill(node);
    disks.heal(node);
    await change();
    this.start(node);
    await this.#answers(node);
  }

  async #startAs(node: number, options: ProcessOptions): Promise<void> {
    const { processes } = this.#options;
    if (processes.view(node).state !== 'dead') await processes.kill(node);
    processes.start(node, options);
    this.#unusual.set(node, options);
    await this.#answers(node);
  }

  /**
   * The original is paused meanwhile: its files are then as a crash would leave them, and consistent with each other.
   */
  async #copyBeside(node: number, refuse: (why: string) => FaultRefused): Promise<void> {
    const { processes } = this.#options;
    if (processes.startCopy === undefined) throw refuse('there can be no second process of a node here');
    processes.pause(node);
    let dataDir: string;
    try {
      dataDir = await this.#folders.copy(node);
    } finally {
      processes.resume(node);
    }
    const copy = processes.startCopy(node, dataDir);
    this.#copies.set(node, copy);
    await copy.up;
  }

  async #answers(node: number): Promise<void> {
    const { nodes, processes, answerLimitMs } = this.#options;
    const url = `${nodes[node - 1]?.url ?? ''}/livez`;
    const giveUpAt = performance.now() + answerLimitMs;
    while (performance.now() < giveUpAt && processes.view(node).state === 'running') {
      if (await isAnswered(url)) return;
      await pause(LOOK_PAUSE_MS);
    }
  }
}

async function isAnswered(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(ASK_LIMIT_MS) })).ok;
  } catch {
    return false;
  }
}
