/**
 * Applies faults to a cluster on this machine: links through the proxies, processes by signals, disks and wall clocks
 * through the shim, identities by folder and command line (`identity-faults.ts`).
 *
 * One fault at a time, checked before anything is changed.
 */
import { checkFault } from './check-fault.js';
import {
  FaultRefused,
  type Fault,
  type FaultControl,
  type FaultStatus,
  type NodeView,
  type Party,
  type RouterView,
} from './fault.js';
import { FaultyDisks } from './faulty-disks.js';
import { IdentityFaults, type NodeProcesses } from './identity-faults.js';
import { askLeaders } from './leaders.js';
import type { FaultNetwork } from './network.js';
import { bridge, isolation, partition, ring } from './shapes.js';
import { SteppedClocks } from './stepped-clocks.js';

export interface ControlledNode {
  readonly name: string;
  readonly url: string;
  readonly dataDir: string;
}

/** Links that can be cut, and perhaps made slow and lossy: through proxies (`FaultNetwork`), or in another way. */
export type FaultLinks = Pick<FaultNetwork, 'addCuts' | 'replaceCuts' | 'set' | 'heal' | 'views'>;

export interface LocalFaultControlOptions {
  readonly nodes: readonly ControlledNode[];
  readonly routers: readonly RouterView[];
  readonly processes: NodeProcesses;
  readonly network: FaultLinks;
  /** Whether the nodes run with the shim for disks and dates. */
  readonly hasShim: boolean;
  /** How long a node that a fault has started may take to answer before the fault counts as done. */
  readonly answerLimitMs?: number;
}

const ANSWER_LIMIT_MS = 10_000;

export class LocalFaultControl implements FaultControl {
  readonly #options: LocalFaultControlOptions;
  readonly #disks: FaultyDisks;
  readonly #clocks: SteppedClocks;
  readonly #identities: IdentityFaults;
  #last: Promise<void> = Promise.resolve();

  constructor(options: LocalFaultControlOptions) {
    this.#options = options;
    const dataDirs = options.nodes.map(({ dataDir }) => dataDir);
    this.#disks = new FaultyDisks(dataDirs, options.hasShim);
    this.#clocks = new SteppedClocks(dataDirs, options.hasShim);
    this.#identities = new IdentityFaults({
      answerLimitMs: ANSWER_LIMIT_MS,
      ...options,
      disks: this.#disks,
    });
    // Left by an earlier supervisor that was killed.
    this.#last = this.#identities.clear();
  }

  /** Ends second processes of nodes, and removes all copies of folders. */
  close(): Promise<void> {
    return this.#identities.clear();
  }

  apply(fault: Fault): Promise<void> {
    const turn = this.#last.then(() => this.#apply(fault));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async status(): Promise<FaultStatus> {
    const { nodes, routers, network, processes } = this.#options;
    const views = nodes.map(({ name, url }, index): NodeView => {
      const node = index + 1;
      const shim = { ...this.#disks.view(node), ...this.#clocks.view(node) };
      return { node, name, url, ...shim, ...this.#identities.view(node), ...processes.view(node) };
    });
    return { nodes: views, shards: await askLeaders(views), links: network.views(), routers };
  }

  get #numbers(): number[] {
    return this.#options.nodes.map((_, index) => index + 1);
  }

  async #apply(input: Fault): Promise<void> {
    const { nodes, routers, network } = this.#options;
    const fault = checkFault(input, { nodes: nodes.length, routers: routers.length });
    switch (fault.type) {
      case 'partition':
        network.replaceCuts(partition(this.#allSides(fault.sides)));
        return;
      case 'ring':
        network.replaceCuts(ring(fault.order ?? this.#numbers));
        return;
      case 'bridge':
        network.replaceCuts(bridge(fault.order ?? this.#numbers));
        return;
      case 'isolate':
        network.addCuts(isolation(fault.node, this.#numbers));
        return;
      case 'cut':
        network.addCuts([fault]);
        return;
      case 'mend':
        network.replaceCuts([]);
        return;
      case 'delay':
        network.set(fault.a, fault.b, { delayMs: fault.ms });
        return;
      case 'drop':
        network.set(fault.a, fault.b, { dropPercent: fault.percent });
        return;
      case 'rate':
        network.set(fault.a, fault.b, { kbitPerSecond: fault.kbitPerSecond });
        return;
      case 'slow-disk':
      case 'hang-disk':
      case 'fill-disk':
      case 'fail-disk':
      case 'step-clock':
        if (fault.type === 'step-clock') this.#clocks.apply(fault);
        else this.#disks.apply(fault);
        return;
      case 'wipe-disk':
      case 'keep-disk':
      case 'roll-back-disk':
      case 'copy-node':
      case 'stray-node':
      case 'restart-with':
        await this.#identities.apply(fault);
        return;
      case 'kill-all':
        await this.#killAll();
        return;
      case 'heal':
        await this.#heal();
        return;
      case 'kill':
      case 'pause':
      case 'resume':
      case 'restart':
        await this.#signal(fault.type, fault.node);
    }
  }

  /** Nodes that are not named form one more side. */
  #allSides(sides: readonly (readonly Party[])[]): readonly (readonly Party[])[] {
    const named = new Set(sides.flat());
    const rest = this.#numbers.filter((node) => !named.has(node));
    return rest.length === 0 ? sides : [...sides, rest];
  }

  async #signal(type: 'kill' | 'pause' | 'resume' | 'restart', node: number): Promise<void> {
    const { processes } = this.#options;
    const { state } = processes.view(node);
    const refuse = (why: string) => new FaultRefused(`${type}: node ${node} ${why}`);
    switch (type) {
      case 'kill':
        if (state === 'dead') throw refuse('is dead already');
        await processes.kill(node);
        return;
      case 'pause':
        if (state !== 'running') throw refuse(state === 'dead' ? 'is dead' : 'is paused already');
        processes.pause(node);
        return;
      case 'resume':
        if (state !== 'paused') throw refuse(`is not paused: it is ${state}`);
        processes.resume(node);
        return;
      case 'restart':
        if (state !== 'dead') await processes.kill(node);
        this.#identities.start(node);
    }
  }

  /** All signals are sent before any death is awaited. */
  async #killAll(): Promise<void> {
    const { processes } = this.#options;
    const living = this.#numbers.filter((node) => processes.view(node).state !== 'dead');
    if (living.length === 0) throw new FaultRefused('kill-all: all nodes are dead already');
    await Promise.all(living.map((node) => processes.kill(node)));
  }

  async #heal(): Promise<void> {
    const { network, processes } = this.#options;
    network.heal();
    // One whose disk failed has ended, or is about to.
    const failed = this.#numbers.filter((node) => this.#disks.view(node).disk?.includes('fails'));
    for (const node of this.#numbers) {
      this.#disks.heal(node);
      this.#clocks.heal(node);
    }
    await Promise.all(failed.map((node) => processes.kill(node)));
    await this.#identities.heal();
    for (const node of this.#numbers) {
      const { state } = processes.view(node);
      if (state === 'paused') processes.resume(node);
      else if (state === 'dead') this.#identities.start(node);
    }
  }
}
