/**
 * The two interfaces of a benchmark: what is measured (`Target`) and what makes load over HTTP (`HttpLoad`); and what
 * all targets that speak HTTP share (`HttpSide`).
 */
import type { DelayCounts } from './latencies.js';
import type { NodeLoad } from './node-load.js';
import { lacking, type ManyKeysApi, manyScriptOf } from './many-keys.js';
import {
  type Data,
  isMany,
  type OperationName,
  type Protocol,
  putsOf,
  type Row,
  type Script,
  scriptOf,
} from './workload.js';

export const TARGETS = ['kvorum', 'kvorum-base', 'echo', 'sqlite', 'etcd-gateway', 'etcd-grpc'] as const;
export type TargetName = (typeof TARGETS)[number];

/** A store's own counters: totals since its start, of all nodes together. */
export interface Counters {
  /** Durable commits; a lower bound of the syncs, where syncs are not counted. */
  readonly commits: number;
  /** Log entries written in these commits. */
  readonly entries: number | undefined;
  /** Of each node's event loop. */
  readonly loopDelays: readonly DelayCounts[];
}

export interface Target {
  readonly name: TargetName;
  /** Every server process. */
  readonly pids: readonly number[];
  /** Those of them that store data, in the order of the nodes. */
  readonly nodePids: readonly number[];
  /** How many of them write each put to disk. */
  readonly replicas: number;
  /** Why it does not support this row; undefined: it does. */
  cannot(row: Row): string | undefined;
  /** To be called before a row is driven for the first time. @throws Error if it is not served rightly */
  prepare?(row: Row): Promise<void>;
  drive(row: Row, seconds: number): Promise<LoadOutcome>;
  counters?(): Promise<Counters>;
}

export interface HttpJob {
  /** `http://host:port`; only the first is used where there are fewer clients than URLs. */
  readonly urls: readonly string[];
  readonly clients: number;
  readonly seconds: number;
  readonly script: Script;
}

/** Latencies are those of successful operations, or of all where the load generator cannot tell them apart. */
export interface LoadOutcome {
  readonly operations: number;
  readonly failures: number;
  readonly tookMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** CPU time of the load generator. */
  readonly cpuMs: number;
}

export interface HttpLoad {
  readonly name: 'wrk' | 'autocannon' | 'node';
  run(job: HttpJob): Promise<LoadOutcome>;
}

export interface HttpDriver {
  readonly load: HttpLoad;
  /** Writes keys before measuring, and drives at a given rate. */
  readonly own: NodeLoad;
  readonly data: Data;
}

/** How a target's HTTP API expresses requests. */
export interface Api {
  readonly single: Protocol;
  readonly many: ManyKeysApi;
}

const PREPARING_CLIENTS = 32;
const PRELOAD_CLIENTS = 1_000;
/** Each batch opens new connections and waits for its last put: small batches would add a tenth to the time. */
const PRELOAD_BATCH = 50_000;
const SEED = 4;

export class HttpSide {
  readonly #urls: readonly string[];
  readonly #preloadUrls: readonly string[];
  readonly #api: Api;
  readonly #driver: HttpDriver;
  /** Building one takes some tens of milliseconds; it is reused in every round. */
  readonly #scripts = new Map<OperationName, Script>();

  /** @param preloadUrls where keys are written before measuring: more endpoints take them faster */
  constructor(urls: readonly string[], api: Api, driver: HttpDriver, preloadUrls = urls) {
    this.#urls = urls;
    this.#preloadUrls = preloadUrls;
    this.#api = api;
    this.#driver = driver;
  }

  cannot(row: Row): string | undefined {
    return lacking(row, this.#api.many, this.#driver.data);
  }

  /** Sends each request about several keys once, so that the keys are there, and the answers known to be right. */
  async prepare({ operation }: Row): Promise<void> {
    if (!isMany(operation)) return;
    const { requests, mark } = this.#script(operation);
    await this.#driver.own.once(this.#urls, PREPARING_CLIENTS, requests, mark);
  }

  drive({ operation, clients }: Row, seconds: number): Promise<LoadOutcome> {
    return this.#driver.load.run({
      urls: this.#urls,
      clients,
      seconds,
      script: rotated(this.#script(operation)),
    });
  }

  /** @param rate requests per second, sent when they are due */
  driveAt({ operation, clients }: Row, seconds: number, rate: number): Promise<LoadOutcome> {
    return this.#driver.own.atRate({ urls: this.#urls, clients, seconds, script: this.#script(operation) }, rate);
  }

  /** Writes every key once, from `first` up. @throws Error if a put fails */
  async preload(first = 0, onProgress: (keys: number) => void = () => undefined): Promise<void> {
    const { own, data } = this.#driver;
    for (let key = first; key < data.keys; key += PRELOAD_BATCH) {
      const end = Math.min(data.keys, key + PRELOAD_BATCH);
      await own.once(this.#preloadUrls, PRELOAD_CLIENTS, putsOf(this.#api.single, key, end, data.valueBytes));
      onProgress(end);
    }
  }

  #script(operation: Row['operation']): Script {
    let script = this.#scripts.get(operation);
    if (script === undefined) {
      const { data } = this.#driver;
      script = isMany(operation)
        ? manyScriptOf(this.#api.many, operation, data, SEED)
        : scriptOf(this.#api.single, operation, data, SEED);
      this.#scripts.set(operation, script);
    }
    return script;
  }
}

/** Starts the script at a random step: from the first one, every short run would use the same few keys. */
function rotated({ order, ...rest }: Script): Script {
  const first = Math.floor(Math.random() * order.length);
  return { ...rest, order: [...order.slice(first), ...order.slice(0, first)] };
}
