/**
 * How long keys are without service when the node that leads them is killed: kill −9, again and again, under load.
 *
 * Each of many keys has a client of its own, which puts and gets it in turn, with a short pause, so that its successes
 * draw a line in time with gaps. The longest gap around a kill, of each key that the killed node led, is what counts.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from './context.js';
import { FailoverClients, type Failure } from './failover-clients.js';
import { KvorumCluster } from './kvorum-cluster.js';
import type { Options } from './options.js';

export interface Kill {
  /** From 1 up. */
  readonly node: number;
  /** Shards that it led. */
  readonly shards: number;
  /** Longest time without a success of each key concerned, in milliseconds. */
  readonly gapsMs: readonly number[];
  readonly failures: readonly Failure[];
  /** From the start of the killed node until it serves again. */
  readonly restartMs: number;
}

export interface FailoverResult {
  readonly kills: readonly Kill[];
  /** The longest gaps of all keys in a time without kills, for comparison. */
  readonly calmGapsMs: readonly number[];
  readonly operations: number;
  readonly seconds: number;
}

export const FAILOVER_KEYS = 192;
const PAUSE_MS = 15;
/** How long is waited for service after a kill, and after the restart, before the next. */
const AFTER_KILL_MS = 4_000;
const AFTER_RESTART_MS = 2_000;
const CALM_MS = 5_000;
const SPREAD_LIMIT_MS = 30_000;

export async function failover(options: Options, context: Context): Promise<FailoverResult> {
  const { nodes, replicas, shards, valueBytes } = options;
  context.say(`starting kvorum: ${nodes} nodes, ${shards} shards × ${replicas}`);
  const cluster = await KvorumCluster.start({ nodes, replicas, shards }, context);
  const clients = new FailoverClients(cluster.routerUrl, { keys: FAILOVER_KEYS, valueBytes, pauseMs: PAUSE_MS });
  const stop = context.cleanUp.add('end the clients', () => clients.stop());
  const shardOf = await Promise.all(clients.keys.map((key) => shardOfKey(cluster.routerUrl, key)));
  const startedAt = performance.now();
  clients.start();
  await pause(AFTER_RESTART_MS);
  const calmFrom = performance.now();
  await pause(CALM_MS);
  const calmGapsMs = clients.gaps(calmFrom, performance.now());
  const kills: Kill[] = [];
  for (let i = 0; i < options.kills; i++) {
    const one = await kill(1 + (i % nodes), { cluster, clients, shardOf });
    kills.push(one);
    const longest = Math.max(0, ...one.gapsMs).toFixed(0);
    context.say(
      `kill ${i + 1}/${options.kills}: n${one.node}, ${one.gapsMs.length} keys, ${longest} ms at most, ${one.failures.length} errors`,
    );
  }
  const seconds = (performance.now() - startedAt) / 1_000;
  await stop();
  const { operations } = clients;
  await cluster.stop();
  return { kills, calmGapsMs, operations, seconds };
}

interface Scene {
  readonly cluster: KvorumCluster;
  readonly clients: FailoverClients;
  /** Of each key. */
  readonly shardOf: readonly number[];
}

async function kill(node: number, { cluster, clients, shardOf }: Scene): Promise<Kill> {
  const before = await cluster.shards();
  const concerned = shardOf.map((shard) => before[shard]?.leader === node);
  clients.forget();
  const killedAt = performance.now();
  await cluster.killNode(node);
  await pause(AFTER_KILL_MS);
  const gapsMs = clients.gaps(killedAt, performance.now()).filter((_, key) => concerned[key] === true);
  const startedAt = performance.now();
  await cluster.startNode(node);
  const restartMs = performance.now() - startedAt;
  await leadsAgain(cluster, node);
  await pause(AFTER_RESTART_MS);
  // Also those while it came back and took its shards again: a client does not care why.
  const failures = clients.failures();
  return { node, shards: before.filter(({ leader }) => leader === node).length, gapsMs, failures, restartMs };
}

/** The next kill of it has to meet leaders; if it never gets them, the kill says that it concerned no key. */
async function leadsAgain(cluster: KvorumCluster, node: number): Promise<void> {
  const deadline = performance.now() + SPREAD_LIMIT_MS;
  while (performance.now() < deadline) {
    const own = (await cluster.shards()).filter(({ preferred_leader: preferred }) => preferred === node);
    if (own.every(({ leader }) => leader === node)) return;
    await pause(100);
  }
}

async function shardOfKey(url: string, key: string): Promise<number> {
  const answer = await fetch(`${url}/v1/where/${key}`);
  return ((await answer.json()) as { shard: number }).shard;
}
