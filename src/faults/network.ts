/**
 * All links of a local cluster, each through a proxy of its own, and the present conditions of each direction.
 *
 * Of two nodes the lower dials the higher, and a router dials every node, so there is one proxy for each pair of nodes
 * and one for each router and node.
 */
import type { LinkView, Party, RouterName } from './fault.js';
import { HEALTHY, isHealthy, type Conditions } from './conditions.js';
import { LinkProxy, type Endpoint } from './link-proxy.js';
import type { Cut } from './shapes.js';

export interface FaultNetworkOptions {
  /** Where each node listens for its peers, without the proxies: the first is node 1. */
  readonly nodes: readonly Endpoint[];
  readonly routers: readonly RouterName[];
  /** In [0, 1); decides what is lost. Default Math.random. */
  readonly random?: () => number;
}

interface Detour {
  /** The node's own address. */
  readonly to: Endpoint;
  /** The proxy that forwards to it. */
  readonly through: Endpoint;
}

interface Direction {
  readonly from: Party;
  readonly to: Party;
  readonly proxy: LinkProxy;
  readonly way: 'there' | 'back';
  now: Conditions;
}

const direction = (from: Party, to: Party): string => `${from}>${to}`;

export class FaultNetwork {
  readonly #options: FaultNetworkOptions;
  readonly #proxies = new Set<LinkProxy>();
  readonly #detours = new Map<Party, Detour[]>();
  /** Both directions of each link. */
  readonly #directions = new Map<string, Direction>();

  private constructor(options: FaultNetworkOptions) {
    this.#options = options;
  }

  /** Listens on a loopback port for each link. */
  static async open(options: FaultNetworkOptions): Promise<FaultNetwork> {
    const network = new FaultNetwork(options);
    const numbers = options.nodes.map((_, index) => index + 1);
    for (const party of [...numbers, ...options.routers]) {
      for (const node of numbers) {
        if (typeof party === 'string' || party < node) await network.#addLink(party, node);
      }
    }
    return network;
  }

  /** Where `party` must dial, for each node that it dials. */
  detours(party: Party): readonly Detour[] {
    return this.#detours.get(party) ?? [];
  }

  /** Whether there is a link between the two: not between routers. */
  hasLink(a: Party, b: Party): boolean {
    return this.#directions.has(direction(a, b));
  }

  addCuts(cuts: readonly Cut[]): void {
    const added = directions(cuts);
    this.#change((key, now) => (added.has(key) ? { ...now, cut: true } : now));
  }

  /** Cuts exactly these directions. Cuts between parties without a link are ignored. */
  replaceCuts(cuts: readonly Cut[]): void {
    const wanted = directions(cuts);
    this.#change((key, now) => ({ ...now, cut: wanted.has(key) }));
  }

  /** Sets the conditions of both directions. */
  set(a: Party, b: Party, conditions: Partial<Omit<Conditions, 'cut'>>): void {
    const meant = new Set([direction(a, b), direction(b, a)]);
    this.#change((key, now) => (meant.has(key) ? { ...now, ...conditions } : now));
  }

  heal(): void {
    this.#change(() => HEALTHY);
  }

  /** Directions that are not healthy. */
  views(): LinkView[] {
    const sick = [...this.#directions.values()].filter(({ now }) => !isHealthy(now));
    return sick.map(({ from, to, now, proxy, way }) => {
      const heldMs = Math.round(proxy.heldMs(way));
      return { from, to, ...now, ...(heldMs > 0 ? { heldMs } : {}) };
    });
  }

  /** Held back in all links. */
  get waitingBytes(): number {
    return [...this.#proxies].reduce((sum, proxy) => sum + proxy.waitingBytes, 0);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#proxies].map((proxy) => proxy.close()));
  }

  async #addLink(party: Party, node: number): Promise<void> {
    const target = this.#options.nodes[node - 1];
    if (target === undefined) throw new Error(`no node ${node}`);
    const there: { now: Conditions } = { now: HEALTHY };
    const back: { now: Conditions } = { now: HEALTHY };
    const proxy = new LinkProxy({
      target,
      there: () => there.now,
      back: () => back.now,
      random: this.#options.random ?? Math.random,
    });
    this.#proxies.add(proxy);
    this.#directions.set(
      direction(party, node),
      Object.assign(there, { from: party, to: node, proxy, way: 'there' as const }),
    );
    this.#directions.set(
      direction(node, party),
      Object.assign(back, { from: node, to: party, proxy, way: 'back' as const }),
    );
    const detours = this.#detours.get(party) ?? [];
    this.#detours.set(party, [...detours, { to: target, through: await proxy.listen() }]);
  }

  /** All at once: no connection may slip through between two steps of one fault. */
  #change(next: (key: string, now: Conditions) => Conditions): void {
    const changed = new Set<LinkProxy>();
    for (const [key, entry] of this.#directions) {
      const now = next(key, entry.now);
      if (!differ(now, entry.now)) continue;
      entry.now = now;
      changed.add(entry.proxy);
    }
    for (const proxy of changed) proxy.changed();
  }
}

const directions = (cuts: readonly Cut[]): Set<string> => new Set(cuts.map(({ from, to }) => direction(from, to)));

const differ = (a: Conditions, b: Conditions): boolean =>
  a.cut !== b.cut || a.delayMs !== b.delayMs || a.dropPercent !== b.dropPercent || a.kbitPerSecond !== b.kbitPerSecond;
