/**
 * How fast it is, honestly: `npm run bench -- [--seconds 5] [--clients 1,64,256] [--json] [--nodes 3] [--shards 16]`.
 *
 * Starts a cluster of its own and drives PUT and linearizable GET through the router over HTTP, from a separate
 * process. All of it shares this machine, so the table also says where the CPU went.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Job, Outcome } from './bench/job.js';
import { cpuMs } from './support/cpu.js';
import { startScriptCluster, type ScriptCluster } from './support/local-cluster.js';
import { table } from './support/table.js';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    clients: { type: 'string', default: '1,64,256' },
    keys: { type: 'string', default: '10000' },
    'value-bytes': { type: 'string', default: '256' },
    nodes: { type: 'string', default: '3' },
    shards: { type: 'string', default: '16' },
    json: { type: 'boolean', default: false },
  },
});

const keys = Number(options.keys);
const valueBytes = Number(options['value-bytes']);
const seconds = Number(options.seconds);
const WARM_UP_MS = 2_000;
const PRELOAD_CLIENTS = 64;

interface Row extends Outcome {
  readonly operation: Job['operation'];
  readonly clients: number;
  readonly operationsPerSecond: number;
  /** Shares of one core. */
  readonly loadCpu: number;
  readonly routerCpu: number;
  readonly nodesCpu: number;
  /** 99th percentile of each node's event-loop delay while it ran, in milliseconds. */
  readonly loopDelayP99: readonly number[];
}

const cluster = await startScriptCluster(['--nodes', options.nodes, '--shards', options.shards, '--log-level', 'warn']);
const load = fork(fileURLToPath(new URL('./bench/load.ts', import.meta.url)), { execArgv: ['--import', 'tsx'] });
try {
  const rows = await measureAll(cluster, load);
  if (options.json) console.log(JSON.stringify({ keys, valueBytes, seconds, cores: availableParallelism(), rows }));
  else print(rows);
} finally {
  load.disconnect();
  await cluster.stop();
}

async function measureAll(target: ScriptCluster, worker: ChildProcess): Promise<Row[]> {
  const { hostname: host, port } = new URL(target.url);
  const base = { host, port: Number(port), keys, valueBytes };
  await ask(worker, { ...base, operation: 'put', clients: PRELOAD_CLIENTS, durationMs: 0, once: true });
  for (const operation of ['put', 'get'] as const) {
    await ask(worker, { ...base, operation, clients: PRELOAD_CLIENTS, durationMs: WARM_UP_MS });
  }
  const rows: Row[] = [];
  for (const operation of ['put', 'get'] as const) {
    for (const clients of options.clients.split(',').map(Number)) {
      rows.push(await measure(target, worker, { ...base, operation, clients, durationMs: seconds * 1000 }));
    }
  }
  return rows;
}

async function measure(target: ScriptCluster, worker: ChildProcess, job: Job): Promise<Row> {
  // Reading the metric also starts its next period.
  await loopDelays(target);
  const router = cpuMs(target.routerPid);
  const nodes = target.nodePids.map(cpuMs);
  const outcome = await ask(worker, job);
  const share = (ms: number): number => (100 * ms) / outcome.tookMs;
  const nodesMs = target.nodePids.reduce((sum, pid, i) => sum + cpuMs(pid) - (nodes[i] ?? 0), 0);
  return {
    ...outcome,
    operation: job.operation,
    clients: job.clients,
    operationsPerSecond: (outcome.operations * 1000) / outcome.tookMs,
    loadCpu: share(outcome.cpuMs),
    routerCpu: share(cpuMs(target.routerPid) - router),
    nodesCpu: share(nodesMs),
    loopDelayP99: await loopDelays(target),
  };
}

async function ask(worker: ChildProcess, job: Job): Promise<Outcome> {
  worker.send(job);
  const [outcome] = (await once(worker, 'message')) as [Outcome];
  return outcome;
}

async function loopDelays(target: ScriptCluster): Promise<number[]> {
  return Promise.all(
    target.nodeUrls.map(async (url) => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const value = /^kvorum_event_loop_delay_seconds\{quantile="0\.99"\} (\S+)$/m.exec(text)?.[1];
      return value === undefined ? NaN : Number(value) * 1000;
    }),
  );
}

function print(rows: readonly Row[]): void {
  const what = `${options.nodes} nodes, ${options.shards} shards, ${keys} keys, ${valueBytes}-byte values`;
  console.log(
    `${what}; through the router, ${seconds} s each; everything on this machine (${availableParallelism()} cores)`,
  );
  const header = [
    'operation',
    'clients',
    'ops/s',
    'p50 ms',
    'p99 ms',
    'failures',
    'load CPU',
    'router CPU',
    'nodes CPU',
  ];
  const lines = rows.map((row) => [
    row.operation.toUpperCase(),
    String(row.clients),
    Math.round(row.operationsPerSecond).toLocaleString('en'),
    row.p50.toFixed(2),
    row.p99.toFixed(2),
    Object.entries(row.failures)
      .map(([status, count]) => `${count}×${status}`)
      .join(' ') || '0',
    ...[row.loadCpu, row.routerCpu, row.nodesCpu].map((share) => `${Math.round(share)} %`),
    row.loopDelayP99.map((delay) => delay.toFixed(1)).join(' / '),
  ]);
  console.log(table([...header, 'loop delay p99 ms'], lines));
  console.log('CPU in shares of one core; the load generator competes with the store for the same cores.');
}
