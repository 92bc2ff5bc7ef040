/**
 * Does what the plan of faults says, each at its time, and ends it again. What it needs to know of the cluster (who
 * leads, who lives) it looks up when the time has come.
 */
import type { NodeId, PeerId } from '../shard/index.js';
import type { FaultKind, FaultPlan } from './fault-plan.js';
import { Random } from './random.js';
import type { Scheduler } from './scheduler.js';
import type { SimCluster } from './sim-cluster.js';
import type { LinkRule } from './virtual-network.js';
import type { VirtualNode } from './virtual-node.js';

/** Ends a fault. */
type End = () => void;
const NOTHING: End = () => undefined;

export class Nemesis {
  /** Faults that were injected, by kind. */
  readonly injected: Partial<Record<FaultKind, number>> = {};
  readonly #cluster: SimCluster;
  readonly #scheduler: Scheduler;
  readonly #tell: (what: string) => void;
  readonly #ends = new Set<End>();
  #healed = false;

  constructor(cluster: SimCluster, scheduler: Scheduler, tell: (what: string) => void) {
    this.#cluster = cluster;
    this.#scheduler = scheduler;
    this.#tell = tell;
  }

  schedule(faults: readonly FaultPlan[]): void {
    for (const fault of faults) {
      this.#scheduler.after(fault.atMs, undefined, () => {
        if (!this.#healed) this.#inject(fault);
      });
    }
  }

  /** Ends every fault; what failed for good (a full disk was emptied, say) is put right by a restart. */
  heal(): void {
    this.#healed = true;
    for (const end of [...this.#ends]) end();
    for (const node of this.#cluster.nodes) {
      if (node.failed) node.kill('process');
      node.start();
    }
    for (const router of this.#cluster.routers) router.start();
  }

  #inject(fault: FaultPlan): void {
    const random = new Random(fault.seed);
    const done = this.#begin(fault, random);
    // Nobody was there to whom it could have been done.
    if (done === undefined) return;
    this.injected[fault.kind] = (this.injected[fault.kind] ?? 0) + 1;
    this.#tell(`fault ${fault.id}: ${fault.kind} ${done.what}, for ${fault.lastsMs} ms`);
    const end = (): void => {
      if (!this.#ends.delete(end)) return;
      this.#tell(`fault ${fault.id}: ${fault.kind} ends`);
      done.end();
    };
    this.#ends.add(end);
    this.#scheduler.after(fault.lastsMs, undefined, end);
  }

  #begin({ kind, lastsMs }: FaultPlan, random: Random): { what: string; end: End } | undefined {
    switch (kind) {
      case 'halves':
      case 'isolate-leader':
      case 'one-way':
      case 'ring':
      case 'bridge':
      case 'flapping':
      case 'router-cut':
      case 'slow-link':
      case 'lossy':
      case 'reset-links':
        return this.#network(kind, random);
      case 'kill':
      case 'kill-leader':
      case 'kill-all':
      case 'crash-at-sync':
      case 'power-cut':
      case 'restart':
      case 'pause':
      case 'kill-router':
        return this.#process(kind, random);
      case 'slow-disk':
      case 'slow-leader-disk':
      case 'disk-stall':
      case 'disk-full':
      case 'sync-failure':
      case 'bit-flip':
        return this.#disk(kind, random, lastsMs);
      case 'clock-jump':
      case 'clock-drift':
        return this.#clock(kind, random);
    }
  }

  // Network.

  #network(kind: FaultKind, random: Random): { what: string; end: End } | undefined {
    const ids = this.#cluster.nodes.map(({ id }) => id);
    if (kind === 'reset-links') {
      const some = new Set<PeerId>(ids.filter(() => random.chance(0.5)));
      this.#cluster.network.resetLinks(some.size > 1 ? some : undefined);
      return { what: some.size > 1 ? named(some) : 'all', end: NOTHING };
    }
    if (kind === 'router-cut') return this.#rule(...routerCut(ids, random));
    // Alone, a node has nobody to be cut from.
    if (ids.length < 2) return undefined;
    if (kind === 'isolate-leader') {
      const leader = this.#aLeader(random);
      return leader === undefined ? undefined : this.#rule(`n${leader.id}`, apart(new Set([leader.id])));
    }
    return this.#rule(...partition(kind, ids, random, this.#scheduler));
  }

  #rule(what: string, rule: LinkRule): { what: string; end: End } {
    const owner = {};
    this.#cluster.network.addRule(owner, rule);
    return {
      what,
      end: () => {
        this.#cluster.network.removeRule(owner);
      },
    };
  }

  // Processes.

  #process(kind: FaultKind, random: Random): { what: string; end: End } | undefined {
    switch (kind) {
      case 'kill-router': {
        const router = random.pick(this.#cluster.routers);
        router.kill();
        return {
          what: '',
          end: () => {
            router.start();
          },
        };
      }
      case 'kill-all':
      case 'power-cut': {
        const nodes = kind === 'kill-all' ? this.#cluster.nodes : this.#cluster.nodes.filter(() => random.chance(0.7));
        for (const node of nodes) node.kill(kind === 'kill-all' ? 'process' : 'power');
        const end = (): void => {
          for (const node of nodes) node.start();
        };
        return { what: named(nodes.map(({ id }) => id)), end };
      }
      case 'pause': {
        const node = this.#someNode(random, (n) => n.running && !n.paused);
        node?.pause();
        return (
          node && {
            what: `n${node.id}`,
            end: () => {
              node.resume();
            },
          }
        );
      }
      case 'restart': {
        const node = this.#someNode(random, (n) => n.serving);
        node?.stop(random.pick([0, 100, 500]));
        return (
          node && {
            what: `n${node.id}`,
            end: () => {
              this.#bringBack(node);
            },
          }
        );
      }
      case 'crash-at-sync': {
        const node = this.#someNode(random, (n) => n.serving);
        if (node === undefined) return undefined;
        const disarm = this.#cluster.atSync(node.id, random, () => {
          node.kill(random.pick(['process', 'power']));
        });
        return {
          what: `n${node.id}`,
          end: () => {
            disarm();
            node.start();
          },
        };
      }
      default: {
        const node = kind === 'kill-leader' ? this.#aLeader(random) : this.#someNode(random, (n) => n.running);
        node?.kill(random.pick(['process', 'power']));
        return (
          node && {
            what: `n${node.id}`,
            end: () => {
              node.start();
            },
          }
        );
      }
    }
  }

  /** A process that was told to end and is still at it is not started beside itself. */
  #bringBack(node: VirtualNode): void {
    node.kill('process');
    node.start();
  }

  // Disks.

  #disk(kind: FaultKind, random: Random, lastsMs: number): { what: string; end: End } | undefined {
    const node =
      kind === 'slow-leader-disk' ? this.#aLeader(random) : this.#someNode(random, (n) => n.running && !n.damaged);
    if (node === undefined) return undefined;
    const disk = this.#cluster.disk(node.id);
    const what = `n${node.id}`;
    switch (kind) {
      case 'disk-stall':
        disk.faults.stallUntil = this.#scheduler.now + lastsMs;
        return { what, end: NOTHING };
      case 'disk-full':
      case 'sync-failure':
        return { what, end: this.#failNextSync(node, kind === 'disk-full' ? 'full' : 'failure') };
      case 'bit-flip': {
        node.kill('power');
        const flipped = disk.flipBit();
        node.damaged = flipped;
        return {
          what,
          end: () => {
            node.start();
          },
        };
      }
      default:
        disk.faults.slowFactor = random.pick([10, 50, 200]);
        return {
          what,
          end: () => {
            disk.faults.slowFactor = 1;
          },
        };
    }
  }

  /** Whether it has failed or not, it comes back on a disk that is in order. */
  #failNextSync(node: VirtualNode, how: 'full' | 'failure'): End {
    const { faults } = this.#cluster.disk(node.id);
    faults.failNextSync = how;
    node.failing = true;
    return () => {
      faults.failNextSync = undefined;
      node.failing = false;
      if (node.failed) node.kill('process');
      node.start();
    };
  }

  // Clocks.

  #clock(kind: FaultKind, random: Random): { what: string; end: End } | undefined {
    const node = random.pick(this.#cluster.nodes);
    if (kind === 'clock-jump') {
      const ms = Math.round(random.between(-120_000, 120_000));
      node.clock.jumpWall(ms);
      return { what: `n${node.id} by ${ms} ms`, end: NOTHING };
    }
    const rate = 1 + random.between(-1, 1) * this.#cluster.mostDrift;
    node.clock.rate = rate;
    return { what: `n${node.id} to ${rate.toFixed(3)}`, end: NOTHING };
  }

  #someNode(random: Random, fits: (node: VirtualNode) => boolean): VirtualNode | undefined {
    const nodes = this.#cluster.nodes.filter(fits);
    return nodes.length === 0 ? undefined : random.pick(nodes);
  }

  #aLeader(random: Random): VirtualNode | undefined {
    const leads = (node: VirtualNode): boolean => [...node.replicas()].some(({ raft }) => raft.role === 'leader');
    return this.#someNode(random, (node) => node.serving && leads(node));
  }
}

const named = (ids: Iterable<NodeId>): string => [...ids].map((id) => `n${id}`).join(' ');

/** Those inside and those outside do not hear each other. Routers hear all. */
const apart =
  (side: ReadonlySet<PeerId>): LinkRule =>
  (from, to) =>
    isNode(from) && isNode(to) && side.has(from) !== side.has(to) ? CUT : undefined;

const CUT = { cut: true };
const ROUTERS = 1_000_000;
const isNode = (id: PeerId): boolean => id < ROUTERS;

function routerCut(ids: readonly NodeId[], random: Random): [string, LinkRule] {
  const lost = new Set(ids.filter(() => random.chance(0.6)));
  const oneWay = random.chance(0.3);
  return [
    `from ${named(lost)}${oneWay ? ' (answers are lost)' : ''}`,
    (from, to) => {
      if (isNode(from) === isNode(to)) return undefined;
      return lost.has(isNode(from) ? from : to) && (!oneWay || isNode(from)) ? CUT : undefined;
    },
  ];
}

function partition(kind: FaultKind, ids: readonly NodeId[], random: Random, scheduler: Scheduler): [string, LinkRule] {
  const shuffled = random.shuffle(ids);
  const half = new Set(shuffled.slice(0, random.integer(1, ids.length - 1)));
  switch (kind) {
    case 'one-way': {
      const [from = 0] = shuffled;
      const deaf = random.chance(0.5);
      return [
        deaf ? `n${from} hears nobody` : `nobody hears n${from}`,
        (a, b) => (isNode(a) && isNode(b) && (deaf ? b : a) === from ? CUT : undefined),
      ];
    }
    case 'ring': {
      // Each hears those next to it, up to a majority with itself.
      const place = new Map(shuffled.map((id, i) => [id, i]));
      const reach = Math.floor((Math.floor(ids.length / 2) + 1) / 2);
      return [
        shuffled.map((id) => `n${id}`).join('-'),
        (from, to) => {
          const [a, b] = [place.get(from), place.get(to)];
          if (a === undefined || b === undefined) return undefined;
          const distance = Math.abs(a - b);
          return Math.min(distance, ids.length - distance) > reach ? CUT : undefined;
        },
      ];
    }
    case 'bridge': {
      const [bridge = 0] = shuffled;
      const rule = apart(new Set(shuffled.slice(1, 1 + Math.floor(ids.length / 2))));
      return [`over n${bridge}`, (from, to) => (from === bridge || to === bridge ? undefined : rule(from, to))];
    }
    case 'flapping': {
      const rule = apart(half);
      const everyMs = random.between(20, 300);
      return [
        `${named(half)} every ${everyMs.toFixed(0)} ms`,
        (from, to) => (Math.floor(scheduler.now / everyMs) % 2 === 0 ? rule(from, to) : undefined),
      ];
    }
    case 'slow-link':
    case 'lossy': {
      const [a = 0] = shuffled;
      const effect =
        kind === 'lossy' ? { lossProbability: random.pick([0.1, 0.3, 0.6]) } : { delayMs: random.between(5, 300) };
      return [`n${a}`, (from, to) => (from === a || to === a ? effect : undefined)];
    }
    default:
      return [`${named(half)} | the others`, apart(half)];
  }
}
