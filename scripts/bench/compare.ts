/**
 * The usual run: every row, by every target that can, in turn (A B A B), medians of the rounds.
 *
 * Targets run all the time and idle while another one is measured; what an idle one costs is a few per cent of a core.
 * Who is measured first changes from round to round. Two builds are started anew now and then, one or the other first: which
 * functions the engine compiles, and when, differs from one process to the next by several per cent of CPU. And before a row is
 * measured both are driven by it: another kind of load has the engine compile anew, for a minute at one client's pace.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from './context.js';
import { measureEmbedded, type EmbeddedJob, type EmbeddedResult } from './embedded.js';
import { EchoTarget } from './echo-target.js';
import { EtcdCluster, etcdIsMissing } from './etcd-cluster.js';
import { EtcdGatewayTarget, EtcdGrpcTarget, buildGrpcClient } from './etcd-targets.js';
import type { HttpDriver } from './http-target.js';
import { KvorumCluster } from './kvorum-cluster.js';
import { KvorumTarget } from './kvorum-target.js';
import { measure, medians, type Figures } from './measure.js';
import type { Options } from './options.js';
import { PACED_CLIENTS, measurePaced, type Paced } from './paced.js';
import { SqliteTarget } from './sqlite-target.js';
import type { Target, TargetName } from './target.js';
import { rowName, type Row } from './workload.js';

export interface RowResult {
  readonly row: Row;
  readonly targets: Partial<Record<TargetName, TargetResult>>;
}

export interface TargetResult extends Figures {
  /** Operations in a second, of each round. */
  readonly rounds: readonly number[];
  /** Of each round; what one round of two targets has in common, such as a busy machine, is not in their ratio. */
  readonly cpuRounds: readonly number[];
}

export interface Comparison {
  readonly rows: readonly RowResult[];
  readonly paced: readonly Paced[];
  readonly embedded: EmbeddedResult | undefined;
  /** What was not measured, and why. */
  readonly notRun: readonly string[];
}

const WARM_UP_CLIENTS = 64;
const WARM_UP_S = { quick: 1, full: 3 };
const REST_MS = 200;
const EMBEDDED_SECONDS = 4;
/** Starts of Kvorum and of the other build, between which the rounds are shared out; each is the first to start in half of them. */
const LAUNCHES_BESIDE_BASE = 4;
/** Seconds of a row beside another build, each; by turns, for a process that idled for long is slow again at first. */
const ROW_WARM_UP_S = { quick: 1, full: 10 };

export async function compare(options: Options, context: Context, driver: HttpDriver): Promise<Comparison> {
  const notRun = new Set<string>();
  const lease = options.rows.filter(({ operation }) => operation === 'lease');
  const others = options.rows.filter(({ operation }) => operation !== 'lease');
  const beside = await startBeside(options, context, driver, notRun);
  const rows: RowResult[] = [];
  const paced: Paced[] = [];
  const launches = options.base === undefined ? 1 : Math.min(LAUNCHES_BESIDE_BASE, options.rounds);
  const run = async (some: readonly Row[], leaseReads: boolean): Promise<void> => {
    if (some.length === 0) return;
    const taken = some.map((row) => new Taken(row));
    for (let launch = 1; launch <= launches; launch++) {
      const builds = await startBuilds(options, context, driver, { leaseReads, isBaseFirst: launch % 2 === 0 });
      const [kvorum] = builds;
      const targets = [...builds, ...beside];
      for (const target of targets) await warmUp(target, options, context);
      const most = Math.round((launch * options.rounds) / launches);
      for (const each of taken) {
        if (builds.length > 1) await settle(each.row, builds, options);
        await measureRow(each, targets, { options, context, notRun, most });
      }
      const isLast = launch === launches;
      if (isLast) rows.push(...taken.map((each) => each.result()));
      if (isLast && !options.quick) paced.push(...(await paceAll(rows, { kvorum, beside, options, context })));
      for (const target of builds) await target.stop();
    }
  };
  await run(others, false);
  // Leases are off by default, so only the rows that need them are measured with them.
  await run(lease, true);
  const embedded = options.embedded ? await measureEmbedded(embeddedJob(options), context) : undefined;
  return { rows, paced, embedded, notRun: [...notRun] };
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

/** Where etcd was measured through gRPC with that many clients. */
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
  context.say('starting what it is compared with');
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

async function warmUp(target: Target, { quick }: Options, { say }: Context): Promise<void> {
  say(`warming up ${target.name}`);
  for (const operation of ['put', 'get'] as const) {
    const row = { operation, clients: WARM_UP_CLIENTS };
    if (target.cannot(row) === undefined) await target.drive(row, quick ? WARM_UP_S.quick : WARM_UP_S.full);
  }
}

async function settle(row: Row, builds: readonly Target[], { quick }: Options): Promise<void> {
  const seconds = quick ? ROW_WARM_UP_S.quick : ROW_WARM_UP_S.full;
  for (let turn = 0; turn < seconds; turn++) for (const build of builds) await build.drive(row, 1);
}

/** Kvorum, and the other build behind it if there is one. */
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

/** What was measured of one row so far. */
class Taken {
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
  /** Rounds with those that were before. */
  readonly most: number;
}

async function measureRow(taken: Taken, targets: readonly Target[], scene: Scene): Promise<void> {
  const { row } = taken;
  const { rounds, seconds, valueBytes } = scene.options;
  const able = targets.filter((target) => {
    const why = target.cannot(row);
    if (why !== undefined) scene.notRun.add(`${target.name}: ${why}`);
    return why === undefined;
  });
  while (taken.rounds < scene.most) {
    const round = ++taken.rounds;
    for (const target of round % 2 === 1 ? able : able.toReversed()) {
      const one = await measure(target, { row, seconds, valueBytes });
      taken.add(target.name, one);
      scene.context.say(
        `${rowName(row)} ${round}/${rounds} ${target.name}: ${Math.round(one.opsPerSecond).toLocaleString('en')}/s`,
      );
      await pause(REST_MS);
    }
  }
}
