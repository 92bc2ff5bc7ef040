/**
 * The groups of one node: which there are, which tick, which were touched in this turn.
 *
 * Quiet groups cost nothing here: only the awake ones tick, only the touched ones are collected.
 * Knows no transport and no storage call; a factory makes the groups.
 */
import type { GroupId, NodeId } from '../../raft/index.js';
import type { QueuedWrite } from './commit-pipeline.js';
import { raftTimers } from './replica-factory.js';
import type { Replica } from './replica.js';
import type { Closed } from './leaving.js';
import { groupOfShard, type ClusterSettings, SYSTEM_GROUP, type Topology } from '../cluster/index.js';
/** A preferred leader stands again every so many ticks while the other replicas start. */
const CLAIM_EVERY_TICKS = 2;
/** … and leaves it to the ordinary timeouts after so many. */
const CLAIM_TICKS = 40;

export type MakeReplica = (id: GroupId, voters: readonly NodeId[]) => Replica;

export class ReplicaSet {
  readonly #self: NodeId;
  readonly #make: MakeReplica;
  readonly #groups = new Map<GroupId, Replica>();
  readonly #preferred = new Map<GroupId, NodeId>();
  readonly #awake = new Set<Replica>();
  /**
   * Each once, as its `touched` says. Not a Set that is cleared every turn: see `pending.ts`, a table of a Map that is
   * cleared goes on to hold the next one just as one that is outgrown.
   */
  #touched: Replica[] = [];
  /** Groups that prefer this node as leader and have had none yet, with the ticks left to claim it. */
  readonly #claims = new Map<Replica, number>();

  constructor(self: NodeId, make: MakeReplica) {
    this.#self = self;
    this.#make = make;
  }

  get(id: GroupId): Replica | undefined {
    return this.#groups.get(id);
  }

  ofShard(shard: number): Replica | undefined {
    return this.#groups.get(groupOfShard(shard));
  }

  /** As far as this node's replica knows. */
  leaderOf(shard: number): NodeId | undefined {
    const leader = this.ofShard(shard)?.raft.leader ?? 0;
    return leader === 0 ? undefined : leader;
  }

  /** Everybody who waits is answered. */
  abandon(closed: Closed): void {
    for (const group of this.all()) group.abandon(closed);
  }

  all(): IterableIterator<Replica> {
    return this.#groups.values();
  }

  preferredLeader(group: Replica): NodeId {
    return this.#preferred.get(group.id) ?? group.raft.id;
  }

  /** Starts a group unless it runs; its preferred leader is `voters[0]`. */
  start(id: GroupId, voters: readonly NodeId[]): void {
    if (this.#groups.has(id)) return;
    const group = this.#make(id, voters);
    this.#groups.set(id, group);
    this.#awake.add(group);
    const preferred = voters[0] ?? this.#self;
    this.#preferred.set(id, preferred);
    if (preferred === this.#self) this.#claims.set(group, CLAIM_TICKS);
    this.touch(group);
  }

  startShards(topology: Topology): void {
    for (const [shard, voters] of topology.shards.entries()) {
      if (voters.includes(this.#self)) this.start(groupOfShard(shard), voters);
    }
  }

  get anyAwake(): boolean {
    return this.#awake.size > 0;
  }

  /** Nodes that share a group with this one. */
  neighbours(): NodeId[] {
    const ids = new Set<NodeId>();
    for (const group of this.#groups.values()) for (const id of group.raft.configuration.voters) ids.add(id);
    ids.delete(this.#self);
    return [...ids];
  }

  touch(group: Replica): void {
    if (group.touched) return;
    group.touched = true;
    this.#touched.push(group);
  }

  /** All go by other timers from now on (`settings.ts`). */
  retime(settings: ClusterSettings, stretch: number): void {
    for (const group of this.#groups.values()) group.retime(raftTimers(settings), stretch, settings.leases);
    this.touchAll();
  }

  touchAll(): void {
    for (const group of this.#groups.values()) this.touch(group);
  }

  persisted(writes: readonly QueuedWrite[]): void {
    for (const { group: id, write } of writes) {
      const group = this.#groups.get(id);
      if (group === undefined) continue;
      group.persisted(write);
      this.touch(group);
    }
  }

  tick(): void {
    for (const group of this.#awake) {
      group.raft.tick();
      this.touch(group);
    }
    for (const [group, left] of this.#claims) this.#claim(group, left);
  }

  #claim(group: Replica, left: number): void {
    if (group.raft.leader !== 0 || left === 0) {
      this.#claims.delete(group);
      return;
    }
    this.#claims.set(group, left - 1);
    if (left % CLAIM_EVERY_TICKS !== 0) return;
    group.raft.campaign();
    this.touch(group);
  }

  /** `peer` is dead: the groups that it led may elect another leader at once. */
  forgetLeader(peer: NodeId): void {
    for (const group of this.#groups.values()) {
      if (group.raft.leader === peer) {
        group.raft.forgetLeader();
        this.touch(group);
      } else if (group.isLeader) {
        group.raft.reportSilent(peer);
      }
    }
  }

  /** The link to `peer` broke, and with it everything that was under way to it. */
  linkBroke(peer: NodeId): void {
    for (const group of this.#groups.values()) group.raft.reportUnreachable(peer);
  }

  /** The disk went back in time: no replica counts until it is brought up. */
  quarantine(life: number): void {
    for (const group of this.#groups.values()) group.raft.quarantine(life);
    this.touchAll();
  }

  /** Every touched group says what it wants written and sent. */
  collect(): void {
    for (const group of this.#touched) {
      group.collect();
      if (group.raft.quiesced) this.#awake.delete(group);
      else this.#awake.add(group);
    }
    for (const group of this.#touched) group.touched = false;
    this.#touched = [];
  }

  get system(): Replica | undefined {
    return this.#groups.get(SYSTEM_GROUP);
  }
}
