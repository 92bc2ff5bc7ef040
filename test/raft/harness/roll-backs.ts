/**
 * Disks that are rolled back, always with a quorum outside quarantine, and what the owner of such a node does: each start
 * has a new boot number, and a quarantine that is not over begins again with it.
 */
import { below, pick } from './pick.js';
import type { Cluster } from './cluster.js';
import type { DiskCopy } from './disk.js';
import type { Replica } from './replica.js';

const COPIES = 8;

export class RollBacks {
  count = 0;
  #boots = 0;
  readonly #copies = new Map<number, DiskCopy[]>();
  readonly #cluster: Cluster;
  readonly #random: () => number;

  constructor(cluster: Cluster, random: () => number) {
    this.#cluster = cluster;
    this.#random = random;
  }

  /** Keeps a copy of a node's disk. */
  copy(id: number): void {
    this.#copies.set(id, [...(this.#copies.get(id) ?? []), this.#cluster.node(id).disk.copy()].slice(-COPIES));
  }

  /** Replaces a node's disk by an earlier copy, or an empty one, unless too many others are in quarantine. */
  rollBack(id: number): void {
    const { voters } = this.#cluster.configuration;
    const others = voters.filter((other) => other !== id && this.#cluster.node(other).quarantine !== undefined);
    if (2 * (others.length + 1) >= voters.length) return;
    const copies = this.#copies.get(id) ?? [];
    this.#cluster.rollBack(id, below(this.#random, 5) === 0 ? undefined : pick(this.#random, copies), ++this.#boots);
    this.count++;
  }

  restart(replica: Replica): void {
    if (replica.quarantine !== undefined) replica.quarantine = ++this.#boots;
    this.#cluster.restart(replica.id);
  }
}
