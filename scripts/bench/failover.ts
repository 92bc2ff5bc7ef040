/**
 * How long keys are unavailable when the node that leads them is killed: kill −9, again and again, under load.
 *
 * Each key has a client of its own, which puts and gets it in turn with a short pause. The result is the longest gap
 * between two successes around a kill, of each key that the killed node led.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Pool } from 'undici';
import { table } from '../support/table.js';
import { type Context, machineLine } from './context.js';
import { type Findings, GOAL_HEADER, goalLines, type Header, judge, type JudgedGoal } from './result.js';
import { KvorumCluster } from './kvorum.js';
import { percentile } from './latencies.js';
import type { Options } from './options.js';
import { valueOf } from './workload.js';
import { messageOf } from '../../src/thrown.js';

export interface Kill {
  /** From 1 up. */
  readonly node: number;
  /** Number of shards that it led. */
  readonly shards: number;
  /** For each key whose shard it led: the longest time without a success, in milliseconds. */
  readonly gapsMs: readonly number[];
  readonly failures: readonly FailedRequest[];
  /** From the start of the killed node until it serves again. */
  readonly restartMs: number;
}

export interface FailoverResult {
  readonly kills: readonly Kill[];
  /** The longest gaps of all keys in a period without kills, for comparison. */
  readonly calmGapsMs: readonly number[];
  readonly operations: number;
  readonly seconds: number;
}

export const FAILOVER_KEYS = 192;
const PAUSE_MS = 15;
/** How long to wait after a kill before the node is restarted, and after that before the next kill. */
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
  /** Shard of each key. */
  readonly shardOf: readonly number[];
}

async function kill(node: number, { cluster, clients, shardOf }: Scene): Promise<Kill> {
  const before = await cluster.shards();
  const concerned = shardOf.map((shard) => before[shard]?.leader === node);
  clients.startPeriod();
  const killedAt = performance.now();
  await cluster.killNode(node);
  await pause(AFTER_KILL_MS);
  const gapsMs = clients.gaps(killedAt, performance.now()).filter((_, key) => concerned[key] === true);
  const startedAt = performance.now();
  await cluster.startNode(node);
  const restartMs = performance.now() - startedAt;
  await leadsAgain(cluster, node);
  await pause(AFTER_RESTART_MS);
  // Failures during the restart and the return of leadership count, too.
  const failures = clients.failures();
  return { node, shards: before.filter(({ leader }) => leader === node).length, gapsMs, failures, restartMs };
}

/**
 * Waits for the node to lead its shards again, so that its next kill hits leaders; gives up after a time, which the
 * report shows.
 */
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

export interface FailedRequest {
  readonly key: string;
  readonly operation: 'PUT' | 'GET';
  /** Status and code of the answer, or how the connection failed. */
  readonly what: string;
  readonly afterMs: number;
}

export interface ClientOptions {
  readonly keys: number;
  readonly valueBytes: number;
  /** Pause between an answer and the next request of the same client. */
  readonly pauseMs: number;
}

const ANSWER_LIMIT_MS = 6_000;
/** `Kv-Timeout`, as the goal names it. */
const DEADLINE = '5s';

/**
 * One client per key, which records when its requests succeed. A client waits for its answer a little longer than the
 * server's deadline (5 s), and sends nothing twice.
 */
export class FailoverClients {
  readonly keys: readonly string[];
  readonly #options: ClientOptions;
  readonly #pool: Pool;
  /** Of each key: times of success since `startPeriod()`, and the last one before it. */
  readonly #successes: number[][];
  #failures: FailedRequest[] = [];
  #operations = 0;
  #stopped = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(url: string, options: ClientOptions) {
    this.#options = options;
    this.keys = Array.from({ length: options.keys }, (_, key) => `failover${key}`);
    this.#successes = this.keys.map(() => []);
    this.#pool = new Pool(url, { connections: options.keys, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** Operations that succeeded. */
  get operations(): number {
    return this.#operations;
  }

  start(): void {
    this.#running = Promise.all(this.keys.map((_, key) => this.#drive(key)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.#pool.destroy();
  }

  startPeriod(): void {
    this.#failures = [];
    for (const [key, times] of this.#successes.entries()) this.#successes[key] = times.slice(-1);
  }

  /** Failures since `startPeriod()`. */
  failures(): readonly FailedRequest[] {
    return this.#failures;
  }

  /** Of each key, the longest time without a success that touches the time from `from` to `to`. */
  gaps(from: number, to: number): number[] {
    return this.#successes.map((times) => longestGap(times, from, to));
  }

  async #drive(index: number): Promise<void> {
    const key = this.keys[index] ?? '';
    const body = valueOf(index, this.#options.valueBytes);
    for (let turn = 0; !this.#stopped; turn++) {
      const operation = turn % 2 === 0 ? 'PUT' : 'GET';
      const startedAt = performance.now();
      const wrong = await this.#ask(operation, key, body);
      const now = performance.now();
      if (wrong === undefined) {
        this.#operations++;
        this.#successes[index]?.push(now);
      } else this.#failures.push({ key, operation, what: wrong, afterMs: now - startedAt });
      await pause(this.#options.pauseMs);
    }
  }

  /** Sends one request. Returns a description of its failure; undefined: it succeeded. */
  async #ask(method: FailedRequest['operation'], key: string, body: string): Promise<string | undefined> {
    try {
      const { statusCode, body: answer } = await this.#pool.request({
        method,
        path: `/v1/kv/${key}`,
        headers: { 'kv-timeout': DEADLINE, ...(method === 'PUT' ? { 'content-type': 'text/plain' } : {}) },
        body: method === 'PUT' ? body : null,
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      });
      const text = await answer.text();
      if (statusCode >= 200 && statusCode <= 299) return undefined;
      return `${statusCode} ${/"code":"([^"]+)"/.exec(text)?.[1] ?? ''}`.trim();
    } catch (error) {
      return messageOf(error);
    }
  }
}

/** @param times of successes, ascending. A gap still open at `to` ends there. */
export function longestGap(times: readonly number[], from: number, to: number): number {
  const points = [...times.filter((time) => time <= to), to];
  const gaps = points.map((end, i) => (end < from ? 0 : end - (points[i - 1] ?? Math.min(from, end))));
  return Math.max(...gaps);
}

export function failoverFindings(result: FailoverResult, header: Header): Findings {
  const { kills, calmGapsMs, operations, seconds } = result;
  const gaps = sorted(kills.flatMap(({ gapsMs }) => gapsMs));
  const calm = sorted(calmGapsMs);
  const failures = kills.flatMap((kill) => kill.failures);
  const without = { p50Ms: percentile(gaps, 0.5), p99Ms: percentile(gaps, 0.99), longestMs: percentile(gaps, 1) };
  const goals = goalsOf(without.p99Ms, failures.length, kills.length);
  const ms = (value: number): string => `${Math.round(value)} ms`;
  const lines = kills.map(({ node, shards, gapsMs, failures: some, restartMs }, i) => {
    const own = sorted(gapsMs);
    const [p50, longest] = [percentile(own, 0.5), percentile(own, 1)];
    return [
      `${i + 1}: n${node}`,
      String(shards),
      String(own.length),
      ms(p50),
      ms(longest),
      ms(restartMs),
      String(some.length),
    ];
  });
  const idle = kills.filter(({ gapsMs }) => gapsMs.length === 0).length;
  return {
    data: { withoutService: without, errors: failures.length, ...result },
    goals,
    text: [
      machineLine(header.machine),
      `Kvorum ${header.commit}${header.changed ? ' with changes' : ''}: ${kills.length} × kill -9; default timers, 5 s deadline, ` +
        `${Math.round(operations / seconds).toLocaleString('en')} operations/s meanwhile`,
      '',
      table(['kill', 'led shards', 'keys', 'p50', 'longest', 'serves again', 'errors'], lines),
      '',
      `Without service, ${gaps.length} keys of shards that had to change their leader: ` +
        `p50 ${ms(without.p50Ms)}, p99 ${ms(without.p99Ms)}, longest ${ms(without.longestMs)}`,
      `The same without a kill: p50 ${ms(percentile(calm, 0.5))}, p99 ${ms(percentile(calm, 0.99))}. No gap is shorter than a client's pause.`,
      `Errors seen by clients: ${failures.length}${failures.length === 0 ? '' : ` (${kinds(failures.map(({ what }) => what))})`}`,
      ...(idle === 0 ? [] : [`Warning: ${idle} kills hit no leader.`]),
      '',
      table(GOAL_HEADER, goalLines(goals)),
    ].join('\n'),
  };
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

function goalsOf(p99Ms: number, errors: number, kills: number): JudgedGoal[] {
  return [
    judge({ name: 'time without service, p99', better: 'less', floor: 1_500, aim: 700, unit: ' ms' }, p99Ms),
    judge(
      { name: `client errors in ${kills} kills, 5 s deadline`, better: 'less', floor: 0, aim: 0, unit: '' },
      errors,
    ),
  ];
}

function kinds(all: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(one, (counts.get(one) ?? 0) + 1);
  return [...counts].map(([what, count]) => `${count} × ${what}`).join(', ');
}
