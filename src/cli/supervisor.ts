/**
 * `kvorum start`: a whole cluster on this machine. Node processes, each with its own data folder, and a router inside
 * this process; all of it ends with this process.
 *
 * Knows how a cluster comes up and goes down, not what its parts do.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { formatAddress, routerConfig, type Member, type StartConfig } from '../config/index.js';
import { startRouter, type RunningRouter } from '../main.js';
import {
  leaveClusterFolder,
  nodeName,
  openClusterFolder,
  saveClusterRecord,
  type ClusterRecord,
} from './cluster-file.js';
import { LocalCluster } from './local-cluster.js';
import { choosePorts } from './ports.js';
import { processLife } from './process-life.js';
import { Screen } from './screen.js';

const LOOPBACK = '127.0.0.1';
/** A node that has not ended by then is killed; all of it has to be over within 5 s. */
const GRACE_MS = 4000;
const LIMIT_MS = 4900;
const POLL_MS = 50;
/** After this long without a leader everywhere, say what is missing, and wait on. */
const PATIENCE_MS = 15_000;

/** Runs until told to stop, or until no node is left. The result is the exit code. */
export async function superviseCluster(config: StartConfig, script: string): Promise<number> {
  const life = processLife();
  const opened = openClusterFolder(config);
  try {
    const record = { ...opened, ports: await choosePorts(opened.nodes, opened.ports) };
    saveClusterRecord(config.dataDir, record);
    const members = membersOf(record);
    const screen = new Screen(members.map((member) => member.name));
    // First, for a port in use is the likeliest mistake; it finds the nodes when they come.
    const router = await startRouter(routerOf(config, record, members), screen.logger('router', config.logLevel));
    const cluster = new LocalCluster({ config, record, members, script, screen });
    cluster.start();
    const done = new AbortController();
    const announced = announceWhenReady({ router, cluster, record, screen, signal: done.signal });
    const diedOut = await Promise.race([life.told.then(() => false), cluster.noneLeft.then(() => true)]);
    done.abort();
    await life.end(async () => {
      await Promise.all([cluster.stop(GRACE_MS), router.stop(), announced]);
    }, LIMIT_MS);
    return diedOut ? 1 : 0;
  } finally {
    leaveClusterFolder(config.dataDir);
  }
}

function membersOf(record: ClusterRecord): Member[] {
  return record.ports.map((ports, index) => ({
    id: index + 1,
    name: nodeName(index),
    peer: { host: LOOPBACK, port: ports.peer },
    http: { host: LOOPBACK, port: ports.http },
  }));
}

function routerOf(config: StartConfig, record: ClusterRecord, members: readonly Member[]) {
  const flags = {
    nodes: members.map((member) => formatAddress(member.peer)).join(','),
    listen: formatAddress({ host: LOOPBACK, port: config.port }),
    clusterId: record.clusterId,
    logLevel: config.logLevel,
  };
  return routerConfig({ flags, environment: {} });
}

interface Announcement {
  readonly router: RunningRouter;
  readonly cluster: LocalCluster;
  readonly record: ClusterRecord;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

async function announceWhenReady({ router, cluster, record, screen, signal }: Announcement): Promise<void> {
  const startedAt = performance.now();
  let complained = false;
  while (!signal.aborted) {
    const missing = await router.leaderless();
    if (missing?.length === 0) {
      const { shards, replicas } = record;
      const url = `http://${formatAddress(router.http)}`;
      screen.ready({ url, nodes: record.nodes, shards, replicas, pids: cluster.pids });
      return;
    }
    if (!complained && performance.now() - startedAt > PATIENCE_MS) {
      complained = true;
      const what =
        missing === undefined ? 'no node has answered yet' : `no leader yet for shards ${missing.join(', ')}`;
      screen.say(`${what}; waiting on`);
    }
    await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
