/**
 * The replicas of one node: all of them, those that tick, and those to be collected in this turn.
 *
 * Quiet groups cost nothing: only awake replicas tick, only dirty ones are collected.
 */
import type { GroupId, NodeId, RecoveredGroup } from '../../raft/index.js';
import { raftTimers } from './replica-factory.js';
import type { Replica } from './replica.js';
import type { Closed } from './leaving.js';
import { groupOfShard, type ClusterSettings, SYSTEM_GROUP, type Topology } from '../cluster/index.js';

/** Ticks after which a preferred leader campaigns again, while the other replicas start. */
const CLAIM_EVERY_TICKS = 2;
/** Ticks after which it stops campaigning and leaves the election to the timeouts. */
const CLAIM_TICKS = 40;

/** `recovered`: the group's data in storage; undefined: none. */
export type CreateReplica = (id: GroupId, voters: readonly NodeId[], recovered: RecoveredGroup | undefined) => Replica;

export class ReplicaSet {
  readonly #self: NodeId;
  readonly #create: CreateReplica;
  readonly #replicas = new Map<GroupId, Replica>();
  readonly #preferred = new Map<GroupId, NodeId>();
  readonly #awake = new Set<Replica>();
  /**
   * Each once, by its `isDirty`. Not a Set that is cleared every turn: the old table of a cleared Set refers to the
   * next one, like the outgrown table of a Map (`pending.ts`).
   */
  #dirty: Replica[] = [];
  /** Groups that prefer this node as leader and have had no leader yet, with the ticks left to campaign in. */
  readonly #claims = new Map<Replica, number>();

  constructor(self: NodeId, create: CreateReplica) {
    this.#self = self;
    this.#create = create;
  }

  get(id: GroupId): Replica | undefined {
    return this.#replicas.get(id);
  }

  ofShard(shard: number): Replica | undefined {
    return this.#replicas.get(groupOfShard(shard));
  }

  /** The shard's leader, as known to this node's replica. */
  leaderOf(shard: number): NodeId | undefined {
    const leader = this.ofShard(shard)?.raft.leader ?? 0;
    return leader === 0 ? undefined : leader;
  }

  /** Answers every waiter. */
  abandon(closed: Closed): void {
    for (const replica of this.all()) replica.abandon(closed);
  }

  all(): IterableIterator<Replica> {
    return this.#replicas.values();
  }

  preferredLeader(replica: Replica): NodeId {
    return this.#preferred.get(replica.id) ?? replica.raft.id;
  }

  /** Starts a replica of a group unless it runs; the preferred leader is `voters[0]`. */
  start(id: GroupId, voters: readonly NodeId[], recovered: RecoveredGroup | undefined): void {
    if (this.#replicas.has(id)) return;
    const replica = this.#create(id, voters, recovered);
    this.#replicas.set(id, replica);
    this.#awake.add(replica);
    const preferred = voters[0] ?? this.#self;
    this.#preferred.set(id, preferred);
    if (preferred === this.#self) this.#claims.set(replica, CLAIM_TICKS);
    this.markDirty(replica);
  }

  /**
   * Starts the replicas that the topology places here.
   * @param recovered each group's data in storage. Replicas remove theirs from it, so that a large journal is not kept
   *   twice.
   */
  startShards(topology: Topology, recovered: Map<GroupId, RecoveredGroup>): void {
    for (const [shard, voters] of topology.shards.entries()) {
      if (!voters.includes(this.#self)) continue;
      const id = groupOfShard(shard);
      this.start(id, voters, recovered.get(id));
      recovered.delete(id);
    }
  }

  get anyAwake(): boolean {
    return this.#awake.size > 0;
  }

  /** Nodes that share a group with this one. */
  peers(): NodeId[] {
    const ids = new Set<NodeId>();
    for (const replica of this.#replicas.values()) for (const id of replica.raft.configuration.voters) ids.add(id);
    ids.delete(this.#self);
    return [...ids];
  }

  markDirty(replica: Replica): void {
    if (replica.isDirty) return;
    replica.isDirty = true;
    this.#dirty.push(replica);
  }

  /** Sets new timers for all replicas (`settings.ts`). */
  retime(settings: ClusterSettings, stretch: number): void {
    for (const replica of this.#replicas.values()) replica.retime(raftTimers(settings), stretch, settings.leases);
    this.markAllDirty();
  }

  markAllDirty(): void {
    for (const replica of this.#replicas.values()) this.markDirty(replica);
  }

  tick(): void {
    for (const replica of this.#awake) {
      replica.raft.tick();
      this.markDirty(replica);
    }
    for (const [replica, left] of this.#claims) this.#claim(replica, left);
  }

  #claim(replica: Replica, left: number): void {
    if (replica.raft.leader !== 0 || left === 0) {
      this.#claims.delete(replica);
      return;
    }
    this.#claims.set(replica, left - 1);
    if (left % CLAIM_EVERY_TICKS !== 0) return;
    replica.raft.campaign();
    this.markDirty(replica);
  }

  /** `peer` is dead: the groups that it led may elect another leader at once. */
  onPeerDead(peer: NodeId): void {
    for (const replica of this.#replicas.values()) {
      if (replica.raft.leader === peer) {
        replica.raft.forgetLeader();
        this.markDirty(replica);
      } else if (replica.isLeader) {
        replica.raft.reportSilent(peer);
      }
    }
  }

  /** The link to `peer` broke, and everything in flight to it was lost. */
  markUnreachable(peer: NodeId): void {
    for (const replica of this.#replicas.values()) replica.raft.reportUnreachable(peer);
  }

  /** The disk was rolled back: no replica counts until it has been brought up to date. */
  quarantine(boot: number): void {
    for (const replica of this.#replicas.values()) replica.raft.quarantine(boot);
    this.markAllDirty();
  }

  /** Replicas to be collected in this turn. It grows when a replica becomes dirty meanwhile. */
  get dirty(): readonly Replica[] {
    return this.#dirty;
  }

  /** Called after a replica was collected: it ticks until its group is quiet. */
  updateAwake(replica: Replica): void {
    if (replica.raft.quiesced) this.#awake.delete(replica);
    else this.#awake.add(replica);
  }

  /** Called when all of them were collected. */
  clearDirty(): void {
    for (const replica of this.#dirty) replica.isDirty = false;
    this.#dirty = [];
  }

  get system(): Replica | undefined {
    return this.#replicas.get(SYSTEM_GROUP);
  }
}
