/**
 * The default run: every row on every target that supports it, in turn (A B A B), medians of the rounds.
 *
 * All targets run throughout and idle while another is measured; an idle one costs a few per cent of a core. Two builds are restarted several times, in alternating order: which functions V8
 * compiles, and when, changes CPU by several per cent from one process to the next. Before a row is measured, both
 * builds are driven with it: a new kind of load makes V8 recompile, which takes a minute with one client.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from './context.js';
import { EchoTarget, SqliteTarget } from './ceilings.js';
import { type EmbeddedJob, type EmbeddedResult, measureEmbedded } from './embedded.js';
import { buildGrpcClient, EtcdCluster, EtcdGatewayTarget, EtcdGrpcTarget, etcdIsMissing } from './etcd.js';
import { groupsOf } from './data-goals.js';
import { type ExpiryResult, measureExpiry } from './expiry.js';
import { measureScan, scanLacksRoom, type ScanResult } from './scan.js';
import type { HttpDriver, Target, TargetName } from './target.js';
import { KvorumCluster, KvorumTarget } from './kvorum.js';
import { type Figures, measure, Measurement, medians } from './measure.js';
import type { Options } from './options.js';
import { isMany, type Row, rowName } from './workload.js';

export interface RowResult {
  readonly row: Row;
  readonly targets: Partial<Record<TargetName, TargetResult>>;
}

export interface TargetResult extends Figures {
  /** Operations per second, of each round. */
  readonly rounds: readonly number[];
  /** CPU of each round: the ratio of two targets' same round leaves out what affects both, such as a busy machine. */
  readonly cpuRounds: readonly number[];
}

export interface Comparison {
  readonly rows: readonly RowResult[];
  readonly paced: readonly Paced[];
  readonly embedded: EmbeddedResult | undefined;
  readonly scan?: ScanResult;
  readonly expiry?: ExpiryResult;
  /** Targets and rows that were not measured, and why. */
  readonly notRun: readonly string[];
}

const WARM_UP_CLIENTS = 64;
const WARM_UP_S = { quick: 1, full: 3 };
const REST_MS = 200;
const EMBEDDED_SECONDS = 4;
/**
 * Restarts of Kvorum and of the other build, among which the rounds are divided; either starts first in about half of
 * them. So many, because one and the same build differs by a twentieth from one start to the next.
 */
const LAUNCHES_BESIDE_BASE = 9;
/** Seconds for each build, in turns of one second: a process that has idled for long is slow at first. */
const ROW_WARM_UP_S = { quick: 1, full: 20 };

export async function compare(options: Options, context: Context, driver: HttpDriver): Promise<Comparison> {
  const notRun = new Set<string>();
  const lease = options.rows.filter(({ operation }) => operation === 'lease');
  const others = options.rows.filter(({ operation }) => operation !== 'lease');
  const beside = options.rows.length === 0 ? [] : await startBeside(options, context, driver, notRun);
  const rows: RowResult[] = [];
  const paced: Paced[] = [];
  const launches = options.base === undefined ? 1 : Math.min(LAUNCHES_BESIDE_BASE, options.rounds);
  const run = async (some: readonly Row[], leaseReads: boolean): Promise<void> => {
    if (some.length === 0) return;
    const measured = some.map((row) => new RowRounds(row));
    for (let launch = 1; launch <= launches; launch++) {
      const builds = await startBuilds(options, context, driver, { leaseReads, isBaseFirst: launch % 2 === 0 });
      const [kvorum] = builds;
      const targets = [...builds, ...beside];
      const kinds = new Set<Row['operation']>(['put', 'get', ...some.map(({ operation }) => operation).filter(isMany)]);
      for (const target of targets) await warmUp(target, kinds, builds, { options, context });
      const untilRound = Math.round((launch * options.rounds) / launches);
      // A build that is driven with more kinds of load than the other would be compiled otherwise.
      const groups = builds.length > 1 ? measured.map((each) => [each]) : groupsOf(measured);
      for (const group of groups) {
        if (builds.length > 1) for (const { row } of group) await settle(row, builds, options);
        await measureGroup(group, targets, { options, context, notRun, untilRound });
      }
      const isLast = launch === launches;
      if (isLast) rows.push(...measured.map((each) => each.result()));
      if (isLast && !options.quick) paced.push(...(await paceAll(rows, { kvorum, beside, options, context })));
      for (const target of builds) await target.stop();
    }
  };
  await run(others, false);
  // Leases are off by default: only the rows that need them are measured with leases on.
  await run(lease, true);
  const embedded = options.embedded ? await measureEmbedded(embeddedJob(options), context) : undefined;
  const own = await measureOwnRows(options, context, driver, notRun);
  return { rows, paced, embedded, ...own, notRun: [...notRun] };
}

async function measureOwnRows(
  options: Options,
  context: Context,
  driver: HttpDriver,
  notRun: Set<string>,
): Promise<Pick<Comparison, 'scan' | 'expiry'>> {
  const { ownRows } = options;
  const noRoom = ownRows.includes('scan') ? scanLacksRoom(options, context) : undefined;
  if (noRoom !== undefined) notRun.add(noRoom);
  const scans = ownRows.includes('scan') && noRoom === undefined;
  const scan = scans ? await measureScan(options, context, driver) : undefined;
  if (!ownRows.includes('expiry')) return { scan };
  const target = await startKvorum(options, context, driver, false);
  const expiry = await measureExpiry(target, options, context);
  await target.stop();
  return { scan, expiry };
}

const embeddedJob = ({ keys, valueBytes, seconds, rounds }: Options): EmbeddedJob => ({
  nodes: 3,
  callers: 256,
  keys,
  valueBytes,
  seconds: Math.min(seconds, EMBEDDED_SECONDS),
  rounds,
});

interface Pacing {
  readonly kvorum: KvorumTarget;
  readonly beside: readonly Target[];
  readonly options: Options;
  readonly context: Context;
}

/** Paced runs for the rows that were measured on etcd through gRPC with `PACED_CLIENTS` clients. */
async function paceAll(rows: readonly RowResult[], scene: Pacing): Promise<Paced[]> {
  const { kvorum, beside, options, context } = scene;
  const etcd = beside.find(({ name }) => name === 'etcd-grpc');
  const paced: Paced[] = [];
  for (const { row, targets } of rows) {
    const rate = targets['etcd-grpc']?.opsPerSecond;
    const { operation, clients } = row;
    if (etcd === undefined || rate === undefined || clients !== PACED_CLIENTS) continue;
    if (operation !== 'put' && operation !== 'get') continue;
    paced.push(await measurePaced(operation, rate, { kvorum, etcd }, options, context));
  }
  return paced;
}

async function startBeside(
  options: Options,
  context: Context,
  driver: HttpDriver,
  notRun: Set<string>,
): Promise<Target[]> {
  if (!options.compare) return [];
  context.say('starting the targets to compare with');
  const targets = [await EchoTarget.start(context, driver), new SqliteTarget(context, options.valueBytes)];
  return options.etcd ? [...targets, ...(await startEtcd(options, context, driver, notRun))] : targets;
}

async function startEtcd(
  { etcdClient }: Options,
  context: Context,
  driver: HttpDriver,
  notRun: Set<string>,
): Promise<Target[]> {
  const missing = etcdIsMissing();
  if (missing !== undefined) {
    notRun.add(`etcd: ${missing}`);
    return [];
  }
  const built = await buildGrpcClient(etcdClient, context);
  const cluster = await EtcdCluster.start(context);
  const gateway = new EtcdGatewayTarget(cluster, driver);
  await gateway.side.preload();
  if ('client' in built) return [gateway, new EtcdGrpcTarget(cluster, built.client, driver.data)];
  notRun.add(`etcd-grpc: ${built.missing}`);
  return [gateway];
}

export async function startKvorum(
  { nodes, replicas, shards }: Pick<Options, 'nodes' | 'replicas' | 'shards'>,
  context: Context,
  driver: HttpDriver,
  leaseReads: boolean,
  cli?: string,
): Promise<KvorumTarget> {
  const build = cli === undefined ? 'kvorum' : 'the other build';
  context.say(`starting ${build}: ${nodes} nodes, ${shards} shards × ${replicas}${leaseReads ? ', lease reads' : ''}`);
  const target = new KvorumTarget(
    await KvorumCluster.start({ nodes, replicas, shards, leaseReads, cli }, context),
    driver,
  );
  await target.side.preload();
  return target;
}

/**
 * Drives a target with puts and gets, of which other rows are mixes, and with the operations about several keys that are
 * measured: code that one row has run for long, and another not, would be compiled for the first one only. With builds
 * side by side, only those that all of them have.
 */
async function warmUp(
  target: Target,
  kinds: ReadonlySet<Row['operation']>,
  builds: readonly Target[],
  { options, context }: Pick<Scene, 'options' | 'context'>,
): Promise<void> {
  context.say(`warming up ${target.name}`);
  for (const operation of kinds) {
    const row = { operation, clients: WARM_UP_CLIENTS };
    const able = builds.includes(target) ? builds : [target];
    if (able.some((each) => each.cannot(row) !== undefined)) continue;
    await target.prepare?.(row);
    await target.drive(row, options.quick ? WARM_UP_S.quick : WARM_UP_S.full);
  }
}

async function settle(row: Row, builds: readonly Target[], { quick }: Options): Promise<void> {
  const seconds = quick ? ROW_WARM_UP_S.quick : ROW_WARM_UP_S.full;
  const able = builds.filter((build) => build.cannot(row) === undefined);
  for (const build of able) await build.prepare?.(row);
  for (let turn = 0; turn < seconds; turn++) for (const build of able) await build.drive(row, 1);
}

/** Kvorum first, then the other build if `--base` names one, whichever was started first. */
async function startBuilds(
  options: Options,
  context: Context,
  driver: HttpDriver,
  { leaseReads, isBaseFirst }: { readonly leaseReads: boolean; readonly isBaseFirst: boolean },
): Promise<[KvorumTarget, ...KvorumTarget[]]> {
  const start = (cli?: string): Promise<KvorumTarget> => startKvorum(options, context, driver, leaseReads, cli);
  if (options.base === undefined) return [await start()];
  if (!isBaseFirst) return [await start(), await start(options.base)];
  const base = await start(options.base);
  return [await start(), base];
}

/** The measurements of one row so far. */
class RowRounds {
  readonly row: Row;
  rounds = 0;
  readonly #figures = new Map<TargetName, Figures[]>();

  constructor(row: Row) {
    this.row = row;
  }

  add(name: TargetName, figures: Figures): void {
    this.#figures.set(name, [...(this.#figures.get(name) ?? []), figures]);
  }

  result(): RowResult {
    const results = [...this.#figures].map(([name, some]) => [
      name,
      {
        ...medians(some),
        rounds: some.map(({ opsPerSecond }) => opsPerSecond),
        cpuRounds: some.map(({ cpuSecondsPer1000 }) => cpuSecondsPer1000),
      },
    ]);
    return { row: this.row, targets: Object.fromEntries(results) as RowResult['targets'] };
  }
}

interface Scene {
  readonly options: Options;
  readonly context: Context;
  readonly notRun: Set<string>;
  /** Total number of rounds to reach, earlier ones included. */
  readonly untilRound: number;
}

/** Round by round, each row of the group in turn. */
async function measureGroup(group: readonly RowRounds[], targets: readonly Target[], scene: Scene): Promise<void> {
  const parts: (readonly [RowRounds, readonly Target[]])[] = [];
  for (const measured of group) {
    const able = ableTo(measured.row, targets, scene);
    for (const target of able) await target.prepare?.(measured.row);
    parts.push([measured, able]);
  }
  for (let round = (group[0]?.rounds ?? 0) + 1; round <= scene.untilRound; round++) {
    for (const [measured, able] of parts) await measureRound(measured, able, scene);
  }
}

function ableTo(row: Row, targets: readonly Target[], { notRun }: Scene): Target[] {
  return targets.filter((target) => {
    const why = target.cannot(row);
    if (why !== undefined) notRun.add(`${target.name}: ${why}`);
    return why === undefined;
  });
}

/** Several targets run a second each, in turns (A B B A): what slows the machine for some seconds slows all of them. */
async function measureRound(measured: RowRounds, able: readonly Target[], { options, context }: Scene): Promise<void> {
  const { row } = measured;
  const { rounds, seconds, valueBytes } = options;
  const round = ++measured.rounds;
  const pairs = able.map((target) => ({ target, measurement: new Measurement(target, { row, valueBytes }) }));
  const order = round % 2 === 1 ? pairs : pairs.toReversed();
  const [turns, each] = able.length > 1 ? [seconds, 1] : [1, seconds];
  for (let turn = 0; turn < turns; turn++) {
    for (const { measurement } of turn % 2 === 0 ? order : order.toReversed()) {
      await measurement.turn(each);
      await pause(REST_MS);
    }
  }
  for (const { target, measurement } of pairs) {
    const one = measurement.figures();
    measured.add(target.name, one);
    const rate = Math.round(one.opsPerSecond).toLocaleString('en');
    context.say(`${rowName(row)} ${round}/${rounds} ${target.name}: ${rate}/s`);
  }
}

/**
 * Latency at equal throughput: etcd at its maximum with 64 clients, and Kvorum at the same rate, in turn.
 *
 * Kvorum's load is open-loop: latency counts from when a request was due. etcd's clients wait for their answers, which
 * favours etcd. A request may be sent a millisecond late, the resolution of Node's timers.
 */

export interface Paced {
  readonly operation: 'put' | 'get';
  /** Operations per second. */
  readonly rate: number;
  readonly etcd: Figures;
  readonly kvorum: Figures;
}

export const PACED_CLIENTS = 64;
/** More connections than etcd's clients: otherwise a slow answer would delay the sending of other requests. */
const CONNECTIONS = 256;

export async function measurePaced(
  operation: Paced['operation'],
  rate: number,
  { kvorum, etcd }: { readonly kvorum: KvorumTarget; readonly etcd: Target },
  { rounds, seconds, valueBytes }: Options,
  { say }: Context,
): Promise<Paced> {
  const [theirs, mine]: [Figures[], Figures[]] = [[], []];
  for (let round = 1; round <= rounds; round++) {
    theirs.push(await measure(etcd, { row: { operation, clients: PACED_CLIENTS }, seconds, valueBytes }));
    const row = { operation, clients: CONNECTIONS };
    const drive = () => kvorum.side.driveAt(row, seconds, rate);
    mine.push(await measure(kvorum, { row, seconds, valueBytes, drive }));
    const [p99, etcdP99] = [mine.at(-1)?.p99Ms ?? NaN, theirs.at(-1)?.p99Ms ?? NaN];
    say(
      `${operation} at ${Math.round(rate)}/s ${round}/${rounds}: p99 ${p99.toFixed(1)} ms, etcd ${etcdP99.toFixed(1)}`,
    );
  }
  return { operation, rate, etcd: medians(theirs), kvorum: medians(mine) };
}
