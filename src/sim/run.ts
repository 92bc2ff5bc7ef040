/**
 * One simulation, from its seed: faults, then healing, then judgement. The same seed and scenario give the same result,
 * byte for byte; all clocks, random numbers and I/O are virtual.
 */
import { checkHistory, formatReport } from '../check/index.js';
import { InvariantViolation, describeMessage } from '../raft/index.js';
import { catchUp, readBack } from './aftermath.js';
import { BoundChecker } from './bound-checker.js';
import { Client } from './client.js';
import { MachineClock } from './clock.js';
import { Digest } from './digest.js';
import { ExpiryChecker } from './expiry-checker.js';
import { differences, leaderless, readsByLease } from './groups.js';
import { History } from './history.js';
import type { Scenario } from './scenario.js';
import { LeaseChecker } from './lease-checker.js';
import { Marks } from './marks.js';
import { Nemesis } from './nemesis.js';
import { longestElectionMs } from './node-settings.js';
import { Random } from '../random.js';
import { ReadinessChecker } from './readiness-checker.js';
import { SettingsChecker } from './settings-checker.js';
import type { SimFailure, SimResult } from './result.js';
import { Scheduler } from './scheduler.js';
import { SideLoads } from './side-loads.js';
import { SimCluster } from './sim-cluster.js';
import { Reference } from './reference.js';
import { runTrial, type TrialParameters, type TrialScene } from './trial.js';
import { TimeChecker } from './time-checker.js';
import { TurningPoints } from './turning-points.js';
import { InvariantChecker } from './invariant-checker.js';
import { stackOf } from '../thrown.js';

export interface RunOptions {
  /** Receives the trace, a line for every event. Expensive. */
  readonly trace?: (line: string) => void;
}

/** Steps of the checker per operation before its verdict is UNKNOWN. */
const CHECK_STEPS_PER_OPERATION = 20_000;
/** A run with fewer successful operations proves nothing. */
const LEAST_OPERATIONS = 20;
const POLL_INTERVAL_MS = 100;
/** Interval at which the readiness of nodes is checked. */
const PROBE_EVERY_MS = 50;
/** After healing, everything has to recover within this many election timeouts. */
const HEAL_ELECTIONS = 30;

export async function runSeed(seed: number, scenario: Scenario, options: RunOptions = {}): Promise<SimResult> {
  return new Simulation(seed, scenario, options).run();
}

class Simulation {
  readonly #seed: number;
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #scheduler = new Scheduler();
  readonly #history = new History();
  readonly #digest = new Digest();
  readonly #marks = new Marks();
  readonly #reference: Reference;
  readonly #bounds: BoundChecker;
  #checker: InvariantChecker | undefined;
  #load: SideLoads | undefined;
  #failure: SimFailure | undefined;

  constructor(seed: number, scenario: Scenario, { trace }: RunOptions) {
    this.#seed = seed;
    this.#scenario = scenario;
    this.#random = new Random(seed);
    this.#trace = trace;
    const common = { scenario, now: () => this.#scheduler.now, reached: this.#marks.reached };
    this.#reference = new Reference({
      ...common,
      onState: (group, index, hash) => {
        this.#checker?.expect(group, index, hash);
        this.#bounds.committed(group, index);
      },
    });
    this.#bounds = new BoundChecker({
      ...common,
      revisionOf: (group, key) => this.#reference.revisionOf(group, key),
      onViolation: (what) => {
        this.#fail('invariant', what);
      },
    });
  }

  async run(): Promise<SimResult> {
    const cluster = await this.#cluster();
    const expiry = new ExpiryChecker({
      cluster,
      reference: this.#reference,
      now: () => this.#scheduler.now,
      isNarrow: this.#scenario.network.narrow !== undefined,
    });
    const readiness = this.#readiness(cluster, expiry);
    const nemesis = new Nemesis(cluster, this.#scheduler, (what) => {
      this.#traceEvent(what);
    });
    try {
      await this.#live(cluster, nemesis, expiry);
      if (this.#failure === undefined && !cluster.missesUid) await this.#allReady(cluster, readiness);
      // What was written last goes as well, although nobody writes any more.
      const isOver = (): boolean => this.#failure !== undefined || expiry.isOver;
      await this.#scheduler.until(isOver, EXPIRED_WITHIN_MS, POLL_INTERVAL_MS);
      if (!isOver() && !cluster.missesUid) this.#fail('liveness', 'keys with a deadline are still there');
    } catch (error) {
      this.#fail('crash', stackOf(error));
    }
    if (this.#failure === undefined) this.#judge(nemesis);
    const { now, happened } = this.#scheduler;
    return {
      seed: this.#seed.toString(16),
      scenario: this.#scenario,
      failure: this.#failure,
      simulatedMs: Math.round(now),
      events: happened,
      operations: this.#load?.addTo(this.#history.counts) ?? this.#history.counts,
      faults: { ...nemesis.injected },
      reached: { ...this.#marks.counts },
      digest: this.#digest.toString(),
    };
  }

  async #cluster(): Promise<SimCluster> {
    const points = new TurningPoints(this.#marks.reached);
    const cluster = await SimCluster.make({
      scenario: this.#scenario,
      scheduler: this.#scheduler,
      random: this.#random,
      onRaftMessage: (group, message) => {
        // Not added to the digest, which counts what arrives.
        if (this.#trace !== undefined) this.#line(`g${group} ${describeMessage(message)}`);
        points.sent(group, message);
        try {
          this.#checker?.sent(group, message);
        } catch (error) {
          this.#violated(error);
        }
      },
      onArrival: (from, to, bytes) => {
        this.#digest.add(this.#scheduler.now, from, to, bytes);
      },
      onTrouble: (what) => {
        this.#fail('crash', what);
      },
      reached: this.#marks.reached,
      onViolation: (what) => {
        this.#fail('invariant', what);
      },
    });
    const checker = new InvariantChecker(cluster.disks, (node, group, what) => {
      this.#traceEvent(`g${group} n${node} ${what}`);
    });
    this.#checker = checker;
    const leases = this.#scenario.leaseReads ? new LeaseChecker(cluster.nodes) : undefined;
    const times = new TimeChecker({
      drift: cluster.mostDrift,
      now: () => this.#scheduler.now,
      reached: this.#marks.reached,
    });
    this.#scheduler.afterTurn = (incarnation) => {
      const node = cluster.nodeOf(incarnation);
      if (node === undefined || this.#failure !== undefined) return;
      try {
        this.#reference.inspect(node.replicas());
        checker.inspect(node.id, node.replicas());
        points.inspect(node.id, node.replicas());
        leases?.inspect(node);
        times.inspect(node.id, node.replicas());
        this.#load?.inspect(node.id, node.replicas());
      } catch (error) {
        this.#violated(error);
      }
    };
    return cluster;
  }

  /** Checks readiness periodically, as a load balancer does. */
  #readiness(cluster: SimCluster, expiry: ExpiryChecker): ReadinessChecker {
    const { reached } = this.#marks;
    const checker = new ReadinessChecker({
      nodes: cluster.nodes,
      isTroubled: ({ id }) => cluster.isTroubled(id),
      isQuorum: (voters) => cluster.isQuorum(voters),
      isHeldUpByDisksOfOthers: ({ id }, replica) => cluster.isHeldUpByDisksOfOthers(id, replica),
      reached,
    });
    const settings = new SettingsChecker(cluster.nodes, reached);
    const probe = (): void => {
      if (this.#failure !== undefined) return;
      try {
        checker.inspect();
        settings.inspect();
        expiry.inspect();
      } catch (error) {
        this.#violated(error);
      }
      this.#scheduler.after(PROBE_EVERY_MS, undefined, probe);
    };
    this.#scheduler.after(PROBE_EVERY_MS, undefined, probe);
    return checker;
  }

  #violated(error: unknown): void {
    if (!(error instanceof InvariantViolation)) throw error;
    this.#fail('invariant', error.message);
  }

  /** The first problem is the failure; the rest follows from it. */
  #fail(check: SimFailure['check'], reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = { check, reason, atMs: Math.round(this.#scheduler.now) };
    this.#traceEvent(`FAILED: ${check}: ${reason}`);
  }

  #failFor(check: SimFailure['check'], reason: string | undefined): void {
    if (reason !== undefined) this.#fail(check, reason);
  }

  #traceEvent(what: string): void {
    this.#digest.text(what);
    this.#line(what);
  }

  #line(what: string): void {
    this.#trace?.(`${this.#scheduler.now.toFixed(3).padStart(10)}  ${what}`);
  }

  async #live(cluster: SimCluster, nemesis: Nemesis, expiry: ExpiryChecker): Promise<void> {
    const { durationMs, clients: count } = this.#scenario;
    const clients = Array.from({ length: count }, (_, number) => this.#client(cluster, number));
    const load = this.#sideLoads(cluster);
    this.#load = load;
    cluster.start();
    // Some clients start before the cluster has leaders: their operations must wait, not fail.
    await this.#runFor(200);
    // Faults delay leases, and without leases in force their bugs do not show.
    if (this.#scenario.leaseReads)
      await this.#scheduler.until(() => readsByLease(cluster), LEASES_WITHIN_MS, POLL_INTERVAL_MS);
    for (const client of clients) client.start();
    load.start();
    nemesis.schedule(this.#scenario.faults);
    await this.#runFor(durationMs);
    if (this.#failure !== undefined) return;
    this.#traceEvent('phase two: all heals');
    nemesis.heal();
    expiry.healed();
    nemesis.keepMending();
    await this.#heal(cluster, { clients, load }, nemesis);
  }

  #client(cluster: SimCluster, number: number): Client {
    return new Client({
      number,
      scenario: this.#scenario,
      scheduler: this.#scheduler,
      random: this.#random.stream(`client ${number}`),
      history: this.#history,
      bounds: this.#bounds,
      clock: new MachineClock(this.#scheduler, 1, 0),
      endpoints: () => cluster.endpoints(),
      timeOf: (shard) => this.#reference.timeOf(shard),
      whenTime: (shard, timeMs, reached) => {
        this.#reference.whenTime(shard, timeMs, reached);
      },
      trace: (what) => {
        this.#traceEvent(what);
      },
    });
  }

  #sideLoads(cluster: SimCluster): SideLoads {
    return new SideLoads(this.#random, {
      scenario: this.#scenario,
      reference: this.#reference,
      scheduler: this.#scheduler,
      clock: new MachineClock(this.#scheduler, 1, 0),
      endpoints: () => cluster.endpoints(),
      nodes: cluster.nodes,
      trace: (what) => {
        this.#traceEvent(what);
      },
      onStuck: (what) => {
        this.#fail('liveness', what);
      },
      onTrouble: (what) => {
        this.#fail('crash', what);
      },
      onViolation: (what) => {
        this.#fail('invariant', what);
      },
      reached: this.#marks.reached,
    });
  }

  /** Stops early on a failure. */
  async #runFor(ms: number): Promise<void> {
    await this.#scheduler.until(() => this.#failure !== undefined, ms, 100);
  }

  async #heal(cluster: SimCluster, { clients, load }: Clients, nemesis: Nemesis): Promise<void> {
    const boundMs = HEAL_ELECTIONS * longestElectionMs(cluster.nodes) + 2_000;
    const wrong = (): boolean => this.#failure !== undefined;
    const scene = { cluster, scenario: this.#scenario, scheduler: this.#scheduler, clients, load, isOver: wrong };
    const led = await this.#scheduler.until(
      () => wrong() || leaderless(cluster, this.#scenario).length === 0,
      boundMs,
      POLL_INTERVAL_MS,
    );
    if (wrong()) return;
    if (!led && cluster.missesUid) return;
    if (!led) {
      this.#fail(
        'liveness',
        `no leader within ${boundMs} ms after healing: ${leaderless(cluster, this.#scenario).join('; ')}`,
      );
      return;
    }
    const due = clients.map(({ served }) => served + SERVED_AGAIN);
    load.expectService(longestElectionMs(cluster.nodes));
    const areServed = (): boolean => clients.every(({ served }, i) => served >= (due[i] ?? 0)) && load.areServed();
    const served = await this.#scheduler.until(
      () => wrong() || areServed(),
      boundMs + SERVED_WITHIN_MS,
      POLL_INTERVAL_MS,
    );
    if (!served && !wrong() && cluster.missesUid) return;
    if (!served) this.#fail('liveness', `a client had fewer than ${SERVED_AGAIN} operations served after healing`);
    if (wrong()) return;
    // A lull is one without transactions, too.
    if (this.#scenario.trial !== undefined) load.stop();
    if (this.#scenario.trial !== undefined) await this.#trial(this.#scenario.trial, { cluster, clients, nemesis });
    if (wrong()) return;
    if (this.#scenario.busyEnd === true) this.#failFor('convergence', await catchUp(scene, boundMs, POLL_INTERVAL_MS));
    if (wrong()) return;
    for (const client of clients) client.stop();
    load.stop();
    const isIdle = (): boolean => load.idle && clients.every(({ idle }) => idle);
    const finished = await this.#scheduler.until(() => wrong() || isIdle(), 30_000);
    if (!finished) this.#fail('liveness', 'clients were not answered');
    if (wrong()) return;
    this.#failFor('liveness', await readBack(scene));
    if (wrong()) return;
    const alike = await this.#scheduler.until(
      () => wrong() || differences(cluster, this.#scenario).length === 0,
      boundMs,
      POLL_INTERVAL_MS,
    );
    if (!alike) this.#fail('convergence', differences(cluster, this.#scenario).join('; '));
  }

  /** Everything has converged: there is no reason to take a node out of a load balancer. */
  async #allReady(cluster: SimCluster, readiness: ReadinessChecker): Promise<void> {
    const boundMs = HEAL_ELECTIONS * longestElectionMs(cluster.nodes);
    const areReady = (): boolean => this.#failure !== undefined || readiness.unready().length === 0;
    if (await this.#scheduler.until(areReady, boundMs, POLL_INTERVAL_MS)) return;
    this.#fail('liveness', `not ready after healing: ${readiness.unready().join('; ')}`);
  }

  async #trial(trial: TrialParameters, scene: Pick<TrialScene, 'cluster' | 'clients' | 'nemesis'>): Promise<void> {
    const trace = (what: string): void => {
      this.#traceEvent(what);
    };
    const { keys } = this.#scenario;
    const isOver = (): boolean => this.#failure !== undefined;
    const wrong = await runTrial({ ...scene, keys, scheduler: this.#scheduler, trace, isOver }, trial);
    this.#failFor('liveness', wrong);
  }

  #judge(nemesis: Nemesis): void {
    const { counts, overlaps } = this.#history;
    const operations = this.#history.operations();
    const faults = Object.values(nemesis.injected).reduce((sum, n) => sum + n, 0);
    if (counts.ok < LEAST_OPERATIONS) this.#fail('idle', `only ${counts.ok} operations went well`);
    else if (this.#scenario.clients > 1 && overlaps === 0) this.#fail('idle', 'no two operations overlapped');
    else if (faults === 0 && this.#scenario.faults.length > 0) this.#fail('idle', 'no fault was injected');
    if (this.#failure !== undefined) return;
    const steps = operations.length * CHECK_STEPS_PER_OPERATION;
    const result = checkHistory(operations, { steps, timeoutMs: Infinity, now: () => 0 });
    this.#digest.text(result.verdict);
    if (result.verdict !== 'LINEARIZABLE') this.#fail('linearizability', formatReport(result).trimEnd());
    const anomaly = this.#load?.judge();
    if (anomaly !== undefined) this.#fail('serializability', anomaly);
  }
}

interface Clients {
  readonly clients: readonly Client[];
  readonly load: SideLoads;
}

const LEASES_WITHIN_MS = 3_000;
/** The longest time to live, in the slowest replicated time, and what the checker of expiry allows on narrow links. */
const EXPIRED_WITHIN_MS = 15_000;
/** Operations of each client that must succeed after healing, and the time for them. */
const SERVED_AGAIN = 5;
const SERVED_WITHIN_MS = 10_000;
