/**
 * A rolling restart from the former build into this one, under load: every process in turn, judged at the end.
 *
 * What must hold: the history is linearizable, replicas are equal, and afterwards all links use the newest version and
 * the cluster has a uid.
 */
import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { checkHistory } from '../../src/check/index.js';
import { PROTOCOL } from '../../src/shard/index.js';
import { History } from '../jepsen/history.js';
import { HttpClient } from '../jepsen/http.js';
import { runLoad } from '../jepsen/load.js';
import { Random } from '../../src/random.js';
import { probeKeys, readBack, unserved } from '../jepsen/read-back.js';
import { compareReplicas } from '../jepsen/replicas.js';
import { Revisions } from '../jepsen/revisions.js';
import { Session, Tally, type Stage } from '../jepsen/session.js';
import { registerWorkload } from '../jepsen/workloads/register.js';
import { CompatCluster } from './cluster.js';

export interface CompatOptions {
  readonly folder: string;
  /** `cli.js` of each build. */
  readonly former: string;
  readonly present: string;
  readonly shards: number;
  readonly clients: number;
  /** Operations per second of one client. */
  readonly rate: number;
  /** Pause between two restarts, and before the first and after the last. */
  readonly calmSeconds: number;
  readonly seed: string;
  readonly say: (text: string) => void;
}

export interface CompatReport {
  readonly verdict: string;
  readonly operations: number;
  readonly ok: number;
  /** One line for each failure; empty = passed. */
  readonly failures: readonly string[];
}

const SERVE_LIMIT_MS = 60_000;
const READ_BACK_LIMIT_MS = 120_000;
const LEVEL_LIMIT_MS = 30_000;
const SETTLE_LIMIT_MS = 30_000;
const CHECK_LIMIT_MS = 120_000;
const OPERATIONS_PER_KEY = 200;

export async function runCompat(options: CompatOptions): Promise<CompatReport> {
  const { folder, former, shards, clients, seed, say } = options;
  const cluster = await CompatCluster.start(folder, former, shards);
  const http = new HttpClient(clients);
  const history = new History({ now: () => process.hrtime.bigint() });
  const stage: Stage = {
    ...{ endpoints: cluster.endpoints, http, history, revisions: new Revisions(), tally: new Tally() },
    pause: (ms) => pause(ms),
    largeShare: 0,
  };
  const failures: string[] = [];
  try {
    say('the former build serves');
    const random = new Random(seed);
    const sessions = Array.from(
      { length: clients },
      (_, client) => new Session(stage, random.stream(`client ${client}`)),
    );
    const contradictions = (): readonly string[] => stage.revisions.problems;
    const workload = registerWorkload({ clients, operationsPerKey: OPERATIONS_PER_KEY, contradictions });
    const over = new AbortController();
    setMaxListeners(sessions.length + 1, over.signal);
    const loading = runLoad({ workload, sessions, perSecond: options.rate, signal: over.signal });
    try {
      await roll(cluster, options);
    } finally {
      over.abort();
      await loading;
    }
    failures.push(...cluster.ended());
    const probes = await probeKeys(cluster.endpoints[0] ?? '', shards);
    failures.push(...(await unserved(stage, { probes, limitMs: SERVE_LIMIT_MS })));
    const finals = await readBack(sessions, workload, READ_BACK_LIMIT_MS);
    failures.push(...workload.problems(history.operations, finals));
    failures.push(...(await compareReplicas(cluster.endpoints[0] ?? '', LEVEL_LIMIT_MS)));
    failures.push(...(await upgraded(cluster.endpoints[0] ?? '')));
    failures.push(...stage.tally.surprises);
  } finally {
    await http.close();
    await cluster.stop();
  }
  return judge(history, failures, say);
}

/** Restarts every process in turn, with a pause before the first and after each. */
async function roll(cluster: CompatCluster, { present, calmSeconds, say }: CompatOptions): Promise<void> {
  await pause(calmSeconds * 1_000);
  for (const name of cluster.names) {
    const awayMs = await cluster.restart(name, present);
    say(
      `${name} is of this build, and was away for ${Math.round(awayMs)} ms; links ${await linksOf(cluster.endpoints[0] ?? '')}`,
    );
    await pause(calmSeconds * 1_000);
  }
}

function judge(history: History, failures: string[], say: (text: string) => void): CompatReport {
  const { operations } = history;
  say(`judging ${operations.length} operations`);
  const { verdict } = checkHistory(operations, { timeoutMs: CHECK_LIMIT_MS });
  if (verdict !== 'LINEARIZABLE') failures.push(`the checker says ${verdict}`);
  const ok = operations.filter((operation) => operation.ok === true).length;
  // A run in which hardly any operation succeeded shows nothing.
  if (ok < operations.length / 2) failures.push(`only ${ok} of ${operations.length} operations succeeded`);
  return { verdict, operations: operations.length, ok, failures };
}

const nodesSchema = z.object({
  nodes: z.array(
    z.object({
      name: z.string(),
      status: z.object({ links: z.array(z.object({ peer: z.number(), version: z.number() })).optional() }).nullable(),
    }),
  ),
});
const clusterSchema = z.object({ cluster_uid: z.string().nullable().optional(), feature_level: z.number().optional() });

async function ask<Value>(url: string, schema: z.ZodType<Value>): Promise<Value> {
  return schema.parse(await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).json());
}

/** As `n1-2:v2`, of the nodes that report it. */
async function linksOf(endpoint: string): Promise<string> {
  const { nodes } = await ask(`${endpoint}/v1/nodes`, nodesSchema);
  const links = nodes.flatMap(({ name, status }) =>
    (status?.links ?? []).map(({ peer, version }) => `${name}-${peer}:v${version}`),
  );
  return links.join(' ') || 'not reported';
}

/** What an upgraded cluster still lacks; waits for it for a while. */
async function upgraded(endpoint: string): Promise<string[]> {
  const giveUpAt = performance.now() + SETTLE_LIMIT_MS;
  for (;;) {
    const missing: string[] = [];
    const { nodes } = await ask(`${endpoint}/v1/nodes`, nodesSchema);
    for (const { name, status } of nodes) {
      const newest = (status?.links ?? []).filter(({ version }) => version === PROTOCOL.versions.max);
      if (newest.length !== nodes.length - 1) {
        missing.push(`${name} has ${newest.length} links of version ${PROTOCOL.versions.max}, not ${nodes.length - 1}`);
      }
    }
    const { cluster_uid: uid, feature_level: level } = await ask(`${endpoint}/v1/cluster`, clusterSchema);
    if (typeof uid !== 'string') missing.push('the cluster has no uid');
    if (level !== PROTOCOL.featureLevel) missing.push(`the cluster is at feature level ${level ?? 'unknown'}`);
    if (missing.length === 0 || performance.now() > giveUpAt) return missing;
    await pause(500);
  }
}
