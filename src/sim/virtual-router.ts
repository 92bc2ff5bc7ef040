/** A stand-alone router process, one life after another: production dispatch over links of its own. */
import { Dispatcher, RemoteBackend } from '../router/index.js';
import { FORMER_PROTOCOL, PROTOCOL, ROUTER_PEERS, shardOfKey, type PeerId } from '../shard/index.js';
import { watchAttempts } from './attempts.js';
import { LifeRuntime, type MachineClock } from './clock.js';
import type { Mark } from './marks.js';
import type { Mix } from './scenario.js';
import type { Random } from '../random.js';
import { Life, type Scheduler } from './scheduler.js';
import type { VirtualNetwork } from './virtual-network.js';
import type { VirtualTransport } from './virtual-transport.js';

export interface VirtualRouterOptions {
  /** 0, 1, … */
  readonly number: number;
  readonly mix: Pick<Mix, 'dispatch'>;
  readonly scheduler: Scheduler;
  readonly network: VirtualNetwork;
  readonly clock: MachineClock;
  readonly random: Random;
  /** Its first life is of the build before. */
  readonly isFormer: boolean;
  readonly reached: (mark: Mark) => void;
}

interface Process {
  readonly life: Life;
  readonly transport: VirtualTransport;
  readonly dispatcher: Dispatcher;
}

export class VirtualRouter {
  /** `r1`, `r2`, … */
  readonly name: string;
  readonly peer: PeerId;
  #process: Process | undefined;
  #lives = 0;
  readonly #options: VirtualRouterOptions;

  constructor(options: VirtualRouterOptions) {
    this.#options = options;
    this.name = `r${options.number + 1}`;
    this.peer = ROUTER_PEERS + options.number;
  }

  /** Undefined while no process is there. */
  get door(): { readonly life: Life; readonly dispatcher: Dispatcher } | undefined {
    return this.#process;
  }

  start(): void {
    if (this.#process !== undefined) return;
    const { mix, scheduler, network, clock, random, isFormer, reached } = this.#options;
    const life = new Life();
    const runtime = new LifeRuntime(scheduler, clock, life, random.stream(`life ${++this.#lives}`));
    const protocol = isFormer && this.#lives === 1 ? FORMER_PROTOCOL : PROTOCOL;
    const transport = network.transport(this.peer, life, protocol);
    const backend = new RemoteBackend({ transport, runtime });
    const dispatcher = new Dispatcher({
      backend: watchAttempts(backend, reached),
      runtime,
      shardOfKey,
      ...mix.dispatch,
    });
    this.#process = { life, transport, dispatcher };
    // Never rejects over this transport.
    void backend.start();
  }

  kill(): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    process.life.end();
    this.#options.network.died(process.transport, 1);
  }
}
