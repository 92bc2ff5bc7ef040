/**
 * `kvorum start`: a whole cluster on this machine. Node processes, each with its own data folder, and a router inside
 * this process; all of it ends with this process.
 *
 * Knows how a cluster comes up and goes down, not what its parts do.
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
import { WaitsForRoom, claimClusterFolder, leaveClusterFolder, nodeName, type ClusterRecord } from './cluster-file.js';
import { FaultRig } from './fault-rig.js';
import { nextSteps, startingLine, stoppingLine } from './first-screen.js';
import { LocalCluster } from './local-cluster.js';
import { choosePorts } from './ports.js';
import { processLife } from './process-life.js';
import { Screen } from './screen.js';

/** A node that has not ended by then is killed; all of it has to be over within 5 s. */
const GRACE_MS = 4000;
const LIMIT_MS = 4900;
const POLL_MS = 50;
/** How often it is tried whether a full disk has room again. */
const ROOM_POLL_MS = 1_000;
/** After this long without a leader everywhere, say what is missing, and wait on. */
const PATIENCE_MS = 15_000;

/** Runs until told to stop, or until no node is left. The result is the exit code. */
export async function superviseCluster(config: StartConfig, script: string): Promise<number> {
  const life = processLife();
  const record = await claimedFolder(config, life.told);
  if (record === undefined) return 0;
  // Of an earlier start that was killed: nothing listens there any more.
  removeFaultsFile(config.dataDir);
  try {
    const members = membersOf(record);
    const { dataDir, routers, logLevel } = config;
    const { clusterId, nodes } = record;
    const names = [...members.map((member) => member.name), ...routerNames(routers)];
    const screen = new Screen({ names, level: logLevel, dataDir });
    const summary = { nodes, routers, dataDir };
    screen.say(startingLine(summary));
    const rig = config.faults ? await FaultRig.open({ config, clusterId, members, script, screen }) : undefined;
    const detours = (party: Party): readonly Detour[] => rig?.detours(party) ?? [];
    // First, for a port in use is the likeliest mistake; it finds the nodes when they come.
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
    const diedOut = await Promise.race([life.told.then(() => false), cluster.noneLeft.then(() => true)]);
    done.abort();
    if (!diedOut) screen.say(stoppingLine({ ...summary, nodes: cluster.runningNodes }));
    screen.ending();
    await life.end(async () => {
      await rig?.calm();
      await Promise.all([cluster.stop(GRACE_MS), router.stop(), rig?.stopRouters(GRACE_MS), announced]);
      await rig?.close();
      await screen.close();
    }, LIMIT_MS);
    return diedOut ? 1 : 0;
  } finally {
    leaveClusterFolder(config.dataDir);
  }
}

/** As nodes do, it waits for room on a full disk. Undefined: told to stop before there was any. */
async function claimedFolder(config: StartConfig, told: Promise<unknown>): Promise<ClusterRecord | undefined> {
  const stop = new AbortController();
  const { signal } = stop;
  void told.then(() => {
    stop.abort();
  });
  for (let tries = 0; !signal.aborted; tries++) {
    try {
      return await claimClusterFolder(config, ({ nodes, ports }) => choosePorts(nodes, ports));
    } catch (error) {
      if (!(error instanceof WaitsForRoom)) throw error;
      if (tries === 0) process.stderr.write(`kvorum: waiting for room on the disk of ${config.dataDir}\n`);
    }
    await pause(ROOM_POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** The first runs in this process, and has the usual name. */
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
  let complained = false;
  while (!signal.aborted) {
    const missing = await router.leaderless();
    if (missing?.length === 0) {
      await rig?.routersReady(signal);
      const { shards, replicas } = record;
      const url = `http://${formatAddress(router.http)}`;
      const { pids } = cluster;
      screen.ready({ url, nodes: record.nodes, shards, replicas, pids });
      const next = nextSteps({ url, dataDir, pids, faults: rig !== undefined, hasLogs: screen.logs.length > 0 });
      for (const line of next) screen.say(line);
      return;
    }
    if (!complained && performance.now() - startedAt > PATIENCE_MS) {
      complained = true;
      const what =
        missing === undefined ? 'no node has answered yet' : `no leader yet for shards ${missing.join(', ')}`;
      screen.late(`${what}; waiting on`);
    }
    await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
