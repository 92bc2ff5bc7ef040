/**
 * Injects the planned faults, each at its time, and ends them again. Maps each kind to its implementation in the
 * `*-faults.ts` files.
 */
import type { Inject } from './fault.js';
import type { FaultKind, FaultPlan } from './fault-plan.js';
import * as disk from './disk-faults.js';
import * as machine from './machine-faults.js';
import * as network from './network-faults.js';
import * as process from './process-faults.js';
import { Random } from '../random.js';
import type { Scheduler } from './scheduler.js';
import * as stray from './stray-faults.js';
import type { SimCluster } from './sim-cluster.js';
import type { VirtualNode } from './virtual-node.js';

const INJECT: Readonly<Record<FaultKind, Inject>> = {
  halves: network.halves,
  'isolate-leader': network.isolateLeader,
  'depose-twice': network.deposeTwice,
  'one-way': network.oneWay,
  ring: network.ring,
  bridge: network.bridge,
  flapping: network.flapping,
  'router-cut': network.routerCut,
  'slow-link': network.slowLink,
  lossy: network.lossy,
  'reset-links': network.resetLinks,
  kill: process.kill,
  'kill-leader': process.killLeader,
  'kill-all': process.killAll,
  'crash-at-sync': process.crashAtSync,
  'power-cut': process.powerCut,
  restart: process.restart,
  pause: process.pause,
  'freeze-leader': process.freezeLeader,
  'kill-router': process.killRouter,
  'slow-disk': machine.slowDisk,
  'slow-leader-disk': machine.slowLeaderDisk,
  'disk-stall': machine.diskStall,
  'disk-full': machine.diskFull,
  'sync-failure': machine.syncFailure,
  'bit-flip': machine.bitFlip,
  'hung-disk': disk.hung,
  'full-disk': disk.full,
  'rolled-back-disk': disk.rolledBack,
  'wiped-disk': disk.wiped,
  'unlike-settings': process.newSettings,
  'rolling-settings': process.rollingSettings,
  'old-topology': process.oldTopology,
  'rolling-upgrade': process.upgrade,
  'foreign-node': stray.foreign,
  'copied-node': stray.copied,
  'clock-jump': machine.clockJump,
  'clock-drift': machine.clockDrift,
};

const MEND_EVERY_MS = 100;
const MEND_FOR_MS = 10_000;

export class Nemesis {
  /** Number of injected faults, by kind. */
  readonly injected: Partial<Record<FaultKind, number>> = {};
  readonly #cluster: SimCluster;
  readonly #scheduler: Scheduler;
  readonly #trace: (what: string) => void;
  readonly #ends = new Set<() => void>();
  #healed = false;
  #leftAlone: VirtualNode | undefined;

  constructor(cluster: SimCluster, scheduler: Scheduler, trace: (what: string) => void) {
    this.#cluster = cluster;
    this.#scheduler = scheduler;
    this.#trace = trace;
  }

  schedule(faults: readonly FaultPlan[]): void {
    for (const fault of faults) {
      this.#scheduler.after(fault.atMs, undefined, () => {
        if (!this.#healed) this.#inject(fault);
      });
    }
  }

  /** Ends every fault; permanent failures (a disk was full, say) are repaired by a restart. */
  heal(): void {
    this.#healed = true;
    for (const end of [...this.#ends]) end();
    this.mend();
    for (const router of this.#cluster.routers) router.start();
  }

  /** Starts nodes that are down or have failed: a sync destined to fail may end, and fail, only after the healing. */
  mend(): void {
    for (const node of this.#cluster.nodes) {
      if (node === this.#leftAlone) continue;
      if (node.failed) node.kill('process');
      node.start();
    }
  }

  /** A failure that began before the healing may end much later, on a slow disk. */
  keepMending(): void {
    for (let ms = MEND_EVERY_MS; ms <= MEND_FOR_MS; ms += MEND_EVERY_MS) {
      this.#scheduler.after(ms, undefined, () => {
        this.mend();
      });
    }
  }

  /** Excludes a node from `mend`; undefined = none is excluded any more. */
  leaveAlone(node: VirtualNode | undefined): void {
    this.#leftAlone = node;
  }

  #inject({ id, kind, lastsMs, seed }: FaultPlan): void {
    const random = new Random(seed);
    const injected = INJECT[kind]({ cluster: this.#cluster, scheduler: this.#scheduler, random, lastsMs });
    if (injected === undefined) return;
    this.injected[kind] = (this.injected[kind] ?? 0) + 1;
    this.#trace(`fault ${id}: ${kind} ${injected.what}, for ${lastsMs} ms`);
    const end = (): void => {
      if (!this.#ends.delete(end)) return;
      this.#trace(`fault ${id}: ${kind} ends`);
      injected.end();
    };
    this.#ends.add(end);
    this.#scheduler.after(lastsMs, undefined, end);
  }
}
