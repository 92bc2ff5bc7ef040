/**
 * Settings that all nodes of a cluster must share: timers, and the stage of leases. They are part of the topology,
 * which overrides what a node was started with; a node's own settings apply only while no topology has any.
 *
 * - The first leader of group 0 that finds every node able to read these fields proposes its own settings.
 * - They change when all nodes of the cluster are linked and their hellos show that all were started with the same new
 *   settings: at the end of a rolling restart, all at once. Until then a node whose own settings differ logs a warning.
 * - Leases are switched in steps of one epoch each, the next when every node has applied the last: off → promise →
 *   read, so followers promise before any leader reads by a promise; and back, so reads stop before promises do.
 *
 * The safety of leases does not depend on this: promises are part of answers (`raft/lease.ts`), so a change may be late
 * or lost.
 */
import { promiseMsOf } from '../../raft/index.js';
import type { NodeTimers } from './timers.js';
import type { LeasePromises } from './promises.js';
import type { Logger } from '../runtime.js';
import type { Topology } from './topology.js';

/** `promise`: followers promise in their answers not to vote, but no leader reads by lease yet. */
export type LeaseStage = 'off' | 'promise' | 'read';

/** The settings that a node was started with. */
export interface ConfiguredSettings {
  readonly timers: NodeTimers;
  readonly leaseReads: boolean;
}

/** The settings that every node of the cluster was started with; absent where they differ. */
export type AgreedSettings = Partial<ConfiguredSettings>;

export type SettingsInTopology = Required<Pick<Topology, 'timers' | 'leaseReads' | 'leases'>>;

/**
 * The settings of the topology that should follow `held`.
 * @param all.runBy every node runs by the settings in `held`
 */
export function nextSettings(
  held: Topology | undefined,
  own: ConfiguredSettings,
  all: { readonly agree: AgreedSettings; readonly runBy: boolean },
): SettingsInTopology {
  const leaseReads = all.agree.leaseReads ?? held?.leaseReads ?? own.leaseReads;
  return {
    timers: all.agree.timers ?? held?.timers ?? own.timers,
    leaseReads,
    leases: nextStage(held?.leases, leaseReads, all.runBy),
  };
}

/** No node reads by lease before a stage is committed, so `off` and `promise` may both be first. */
function nextStage(held: LeaseStage | undefined, leaseReads: boolean, allRunByIt: boolean): LeaseStage {
  const goal: LeaseStage = leaseReads ? 'read' : 'off';
  if (held === goal) return goal;
  if (held === 'promise') return allRunByIt ? goal : held;
  return held === undefined && !leaseReads ? 'off' : 'promise';
}

export const sameTimers = (a: NodeTimers | undefined, b: NodeTimers | undefined): boolean =>
  a?.tickMs === b?.tickMs && a?.electionTicks === b?.electionTicks && a?.heartbeatTicks === b?.heartbeatTicks;

/** The settings in force at a node. */
export class ClusterSettings implements NodeTimers {
  readonly configured: ConfiguredSettings;
  readonly #logger: Logger;
  #timers: NodeTimers;
  #leases: LeaseStage;
  #epoch = 0;
  #warnedOf = '';
  #applying: Promise<void> = Promise.resolve();
  #pendingChanges = 0;

  constructor(own: ConfiguredSettings, logger: Logger) {
    this.configured = own;
    this.#logger = logger;
    this.#timers = own.timers;
    this.#leases = leasesIn(undefined, own);
  }

  get tickMs(): number {
    return this.#timers.tickMs;
  }

  get electionTicks(): number {
    return this.#timers.electionTicks;
  }

  get heartbeatTicks(): number {
    return this.#timers.heartbeatTicks;
  }

  get electionMs(): number {
    return this.tickMs * this.electionTicks;
  }

  /**
   * Interval of periodic maintenance (pings, expiry, balance, checkpoints) in ticks: short enough for two pings within
   * an election timeout, long enough that an idle node costs next to nothing.
   */
  get maintenanceTicks(): number {
    return Math.max(1, Math.min(this.heartbeatTicks * 2, Math.floor(this.electionTicks * 0.4)));
  }

  get leases(): LeaseStage {
    return this.#leases;
  }

  /** Followers promise leases to their leaders. */
  get promises(): boolean {
    return this.#leases !== 'off';
  }

  get promiseMs(): number {
    return promiseMsIn(this.#timers, this.#leases);
  }

  /** Epoch of the topology that is in force; a newer one may be known and not yet applied. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Called at the start with the data folder's copy of the topology, before any promise is made. */
  loadCopy(copy: Topology | undefined): void {
    if (copy !== undefined) this.#apply(copy);
  }

  /**
   * Applies the settings of the topology, once the promise that they imply is persisted. `inTurn` runs a task in a turn
   * of the node; `changed` is called with the number of new ticks per old tick.
   */
  applyTopology(
    topology: Topology,
    {
      promises,
      inTurn,
      changed,
    }: {
      readonly promises: LeasePromises;
      readonly inTurn: (task: () => void) => void;
      readonly changed: (stretch: number) => void;
    },
  ): Promise<void> {
    const timers = topology.timers ?? this.configured.timers;
    const leases = leasesIn(topology, this.configured);
    if (this.#pendingChanges === 0 && leases === this.#leases && sameTimers(timers, this.#timers)) {
      this.#apply(topology);
      return this.#applying;
    }
    this.#pendingChanges++;
    this.#applying = this.#applying
      .then(() => promises.persist(promiseMsIn(timers, leases)))
      .then(() => {
        inTurn(() => {
          this.#pendingChanges--;
          const { tickMs } = this;
          this.#apply(topology);
          changed(tickMs / this.tickMs);
        });
      });
    return this.#applying;
  }

  #apply(topology: Topology): void {
    this.#timers = topology.timers ?? this.configured.timers;
    this.#leases = leasesIn(topology, this.configured);
    this.#epoch = topology.epoch;
    this.#warn(topology);
  }

  #warn({ timers, leaseReads }: Topology): void {
    const differ =
      !sameTimers(timers ?? this.configured.timers, this.configured.timers) ||
      leaseReads !== this.configured.leaseReads;
    const cluster = JSON.stringify({ ...timers, leaseReads });
    if (!differ || this.#warnedOf === cluster) return;
    this.#warnedOf = cluster;
    const own = JSON.stringify({ ...this.configured.timers, leaseReads: this.configured.leaseReads });
    this.#logger.warn(
      { own, cluster },
      'this node was started with other timers or lease reads than the cluster has: it goes by the cluster’s until all nodes are started with the same',
    );
  }
}

const leasesIn = (topology: Topology | undefined, own: ConfiguredSettings): LeaseStage =>
  topology?.leases ?? (own.leaseReads ? 'promise' : 'off');

const promiseMsIn = ({ tickMs, electionTicks }: NodeTimers, leases: LeaseStage): number =>
  leases === 'off' ? 0 : promiseMsOf(tickMs, electionTicks);
