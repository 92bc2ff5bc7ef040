/**
 * `kvorum start`: a whole cluster on this machine: node processes, each with its own data folder, and a router in this
 * process; all of it ends with this process.
 */
import { setTimeout as pause } from 'node:timers/promises';
import {
  formatAddress,
  formatDetours,
  routerConfig,
  type Detour,
  type Member,
  type RouterConfig,
  type StartConfig,
} from '../config/index.js';
import { LOOPBACK } from '../loopback.js';
import { removeFaultsFile, type Party } from '../faults/index.js';
import { startRouter, type RunningRouter } from '../main.js';
import {
  ClusterDiskFull,
  claimClusterFolder,
  releaseClusterFolder,
  nodeName,
  type ClusterRecord,
} from './cluster-file.js';
import { FaultRig } from './fault-rig.js';
import { nextSteps, startingLine, stoppingLine } from './start-messages.js';
import { LocalCluster } from './local-cluster.js';
import { choosePorts } from './ports.js';
import { processLifecycle } from './process-lifecycle.js';
import { Screen } from './screen.js';

/** A node that has not exited by then is killed; the whole stop has to fit into 5 s. */
const GRACE_MS = 4000;
const LIMIT_MS = 4900;
const POLL_MS = 50;
/** How often a full disk is tried again. */
const ROOM_POLL_MS = 1_000;
/** After this long without a leader in every shard, print what is missing, and wait on. */
const PATIENCE_MS = 15_000;

/** Runs until a stop is requested, or until no node is left. The result is the exit code. */
export async function superviseCluster(config: StartConfig, script: string): Promise<number> {
  const lifecycle = processLifecycle();
  const record = await claimedFolder(config, lifecycle.stopRequested);
  if (record === undefined) return 0;
  // From a supervisor that was killed: nothing listens there any more.
  removeFaultsFile(config.dataDir);
  try {
    const members = membersOf(record);
    const { dataDir, routers, logLevel } = config;
    const { clusterId, nodes } = record;
    const names = [...members.map((member) => member.name), ...routerNames(routers)];
    const screen = new Screen({ names, level: logLevel, dataDir });
    const summary = { nodes, routers, dataDir };
    screen.print(startingLine(summary));
    const rig = config.faults ? await FaultRig.open({ config, clusterId, members, script, screen }) : undefined;
    const detours = (party: Party): readonly Detour[] => rig?.detours(party) ?? [];
    // Started first, since a port in use is the most likely mistake; it finds the nodes when they start.
    const router = await startRouter(
      routerOf(config, record, members, detours('r1')),
      screen.logger('router', logLevel),
      { lostLogLines: () => screen.lostLogLines },
    );
    const cluster = new LocalCluster({ config, record, members, script, screen, detours });
    cluster.startAll();
    await rig?.begin(cluster, `http://${formatAddress(router.http)}`);
    const done = new AbortController();
    const announced = announceWhenReady({ router, cluster, record, screen, rig, dataDir, signal: done.signal });
    const diedOut = await Promise.race([lifecycle.stopRequested.then(() => false), cluster.allExited.then(() => true)]);
    done.abort();
    if (!diedOut) screen.print(stoppingLine({ ...summary, nodes: cluster.runningNodes }));
    screen.startShutdown();
    await lifecycle.end(async () => {
      await rig?.calm();
      await Promise.all([cluster.stop(GRACE_MS), router.stop(), rig?.stopRouters(GRACE_MS), announced]);
      await rig?.close();
      await screen.close();
    }, LIMIT_MS);
    return diedOut ? 1 : 0;
  } finally {
    releaseClusterFolder(config.dataDir);
  }
}

/** Waits for room on a full disk, as nodes do. Undefined if a stop was requested first. */
async function claimedFolder(config: StartConfig, stopRequested: Promise<unknown>): Promise<ClusterRecord | undefined> {
  const stop = new AbortController();
  const { signal } = stop;
  void stopRequested.then(() => {
    stop.abort();
  });
  for (let tries = 0; !signal.aborted; tries++) {
    try {
      return await claimClusterFolder(config, ({ nodes, ports }) => choosePorts(nodes, ports));
    } catch (error) {
      if (!(error instanceof ClusterDiskFull)) throw error;
      if (tries === 0) process.stderr.write(`kvorum: waiting for room on the disk of ${config.dataDir}\n`);
    }
    await pause(ROOM_POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** The first runs in this process, and is called `router`. */
const routerNames = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => (index === 0 ? 'router' : `r${index + 1}`));

function membersOf(record: ClusterRecord): Member[] {
  return record.ports.map((ports, index) => ({
    id: index + 1,
    name: nodeName(index),
    peer: { host: LOOPBACK, port: ports.peer },
    http: { host: LOOPBACK, port: ports.http },
  }));
}

function routerOf(
  config: StartConfig,
  record: ClusterRecord,
  members: readonly Member[],
  detours: readonly Detour[],
): RouterConfig {
  const flags = {
    nodes: members.map((member) => formatAddress(member.peer)).join(','),
    listen: formatAddress({ host: LOOPBACK, port: config.port }),
    clusterId: record.clusterId,
    logLevel: config.logLevel,
    ...(detours.length === 0 ? {} : { via: formatDetours(detours) }),
    ...(config.allowedHosts.length === 0 ? {} : { allowedHosts: config.allowedHosts.join(',') }),
  };
  return routerConfig({ flags, environment: {} });
}

interface Announcement {
  readonly router: RunningRouter;
  readonly cluster: LocalCluster;
  readonly record: ClusterRecord;
  readonly screen: Screen;
  readonly rig: FaultRig | undefined;
  readonly dataDir: string;
  readonly signal: AbortSignal;
}

async function announceWhenReady({
  router,
  cluster,
  record,
  screen,
  rig,
  dataDir,
  signal,
}: Announcement): Promise<void> {
  const startedAt = performance.now();
  let hasComplained = false;
  while (!signal.aborted) {
    const missing = await router.leaderless();
    if (missing?.length === 0) {
      await rig?.routersReady(signal);
      const { shards, replicas } = record;
      const url = `http://${formatAddress(router.http)}`;
      const { pids } = cluster;
      screen.ready({ url, nodes: record.nodes, shards, replicas, pids });
      const next = nextSteps({ url, dataDir, pids, faults: rig !== undefined, hasLogs: screen.logs.length > 0 });
      for (const line of next) screen.print(line);
      return;
    }
    if (!hasComplained && performance.now() - startedAt > PATIENCE_MS) {
      hasComplained = true;
      const what =
        missing === undefined ? 'no node has answered yet' : `no leader yet for shards ${missing.join(', ')}`;
      screen.late(`${what}; still waiting`);
    }
    await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
