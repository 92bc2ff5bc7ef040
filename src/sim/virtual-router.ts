/** A stand-alone router process, one incarnation after another: production dispatch over links of its own. */
import { RemoteBackend } from '../router/index.js';
import { FORMER_PROTOCOL, PROTOCOL, ROUTER_PEERS, type PeerId } from '../shard/index.js';
import { IncarnationRuntime, type MachineClock } from './clock.js';
import type { Mark } from './marks.js';
import type { Scenario } from './scenario.js';
import type { Random } from '../random.js';
import { Incarnation, type Scheduler } from './scheduler.js';
import { VirtualDispatcher } from './virtual-dispatcher.js';
import type { VirtualNetwork } from './virtual-network.js';
import type { VirtualTransport } from './virtual-transport.js';

export interface VirtualRouterOptions {
  /** 0, 1, … */
  readonly number: number;
  readonly scenario: Pick<Scenario, 'dispatch'>;
  readonly scheduler: Scheduler;
  readonly network: VirtualNetwork;
  readonly clock: MachineClock;
  readonly random: Random;
  /** Its first incarnation is of the previous build. */
  readonly isFormer: boolean;
  readonly reached: (mark: Mark) => void;
}

interface Process {
  readonly incarnation: Incarnation;
  readonly transport: VirtualTransport;
  readonly dispatcher: VirtualDispatcher;
}

export class VirtualRouter {
  /** `r1`, `r2`, … */
  readonly name: string;
  readonly peer: PeerId;
  #process: Process | undefined;
  #incarnations = 0;
  readonly #options: VirtualRouterOptions;

  constructor(options: VirtualRouterOptions) {
    this.#options = options;
    this.name = `r${options.number + 1}`;
    this.peer = ROUTER_PEERS + options.number;
  }

  /** Undefined while there is no process. */
  get endpoint(): { readonly incarnation: Incarnation; readonly dispatcher: VirtualDispatcher } | undefined {
    return this.#process;
  }

  start(): void {
    if (this.#process !== undefined) return;
    const { scenario, scheduler, network, clock, random, isFormer, reached } = this.#options;
    const incarnation = new Incarnation();
    const chance = random.stream(`life ${++this.#incarnations}`);
    const runtime = new IncarnationRuntime(scheduler, clock, incarnation, chance);
    const protocol = isFormer && this.#incarnations === 1 ? FORMER_PROTOCOL : PROTOCOL;
    const transport = network.transport(this.peer, incarnation, protocol);
    const backend = new RemoteBackend({ transport, runtime });
    const ids = chance.stream('transactions');
    const dispatcher = new VirtualDispatcher({ backend, runtime, scheduler, clock, random: ids, scenario, reached });
    this.#process = { incarnation, transport, dispatcher };
    // Never rejects with this transport.
    void backend.start();
  }

  kill(): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    process.incarnation.end();
    this.#options.network.died(process.transport, 1);
  }
}
