/** Kvorum as a target: through its router, with what its nodes tell in /metrics. */
import { HttpSide, type HttpDriver } from './http-target.js';
import type { KvorumCluster } from './kvorum-cluster.js';
import { readDelays } from './loop-delay.js';
import type { Protocol } from './request.js';
import type { Counters, Target } from './target.js';
import type { Row } from './workload.js';

const CONSISTENCY = { get: '', lease: '?consistency=lease', stale: '?consistency=stale' } as const;

export const kvorumProtocol: Protocol = (kind, key, value) =>
  kind === 'put'
    ? { method: 'PUT', path: `/v1/kv/${key}`, contentType: 'application/octet-stream', body: value }
    : { method: 'GET', path: `/v1/kv/${key}${CONSISTENCY[kind]}` };

export class KvorumTarget implements Target {
  readonly name: 'kvorum' | 'kvorum-base';
  readonly side: HttpSide;
  readonly #cluster: KvorumCluster;

  constructor(cluster: KvorumCluster, driver: HttpDriver) {
    this.#cluster = cluster;
    this.name = cluster.shape.cli === undefined ? 'kvorum' : 'kvorum-base';
    const { routerUrl, nodeUrls } = cluster;
    this.side = new HttpSide([routerUrl], kvorumProtocol, driver, [routerUrl, ...nodeUrls]);
  }

  get pids(): readonly number[] {
    return [...this.nodePids, this.#cluster.routerPid];
  }

  get nodePids(): readonly number[] {
    return this.#cluster.nodePids;
  }

  get replicas(): number {
    return this.#cluster.shape.replicas;
  }

  cannot(): undefined {
    return undefined;
  }

  drive(row: Row, seconds: number): ReturnType<HttpSide['drive']> {
    return this.side.drive(row, seconds);
  }

  /** Ends its cluster. */
  stop(): Promise<void> {
    return this.#cluster.stop();
  }

  async counters(): Promise<Counters> {
    return readCounters(await this.#cluster.metrics());
  }
}

/** @param texts each node's /metrics */
export function readCounters(texts: readonly string[]): Counters {
  return {
    // Earlier builds, beside which this one is measured, have it without the suffix.
    commits: sum(texts, /^kvorum_storage_commits(?:_total)? (\S+)$/gm),
    entries: sum(texts, /^kvorum_group_last_index\{[^}]*\} (\S+)$/gm),
    loopDelays: texts.map(readDelays),
  };
}

const sum = (texts: readonly string[], pattern: RegExp): number =>
  texts.flatMap((text) => [...text.matchAll(pattern)]).reduce((total, [, value]) => total + Number(value), 0);
