/** etcd as two targets: through its HTTP gateway with the same load, and through gRPC with a client in Go. */
import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { command, isInstalled } from '../support/command.js';
import { endedChildrenCpuMs } from '../support/cpu.js';
import type { Context } from './context.js';
import type { EtcdCluster } from './etcd-cluster.js';
import { HttpSide, type HttpDriver } from './http-target.js';
import type { LoadOutcome } from './load.js';
import type { Protocol } from './request.js';
import type { Counters, Target, TargetName } from './target.js';
import type { Data, Operation, Row } from './workload.js';
import { output } from './wrk-load.js';
import { messageOf } from '../../src/thrown.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export const gatewayProtocol: Protocol = (kind, key, value) => {
  const json = (path: string, body: object) =>
    ({ method: 'POST', path: `/v3/kv/${path}`, contentType: 'application/json', body: JSON.stringify(body) }) as const;
  if (kind === 'put') return json('put', { key: base64(key), value: base64(value) });
  return json('range', { key: base64(key), ...(kind === 'stale' ? { serializable: true } : {}) });
};

abstract class EtcdTarget implements Target {
  abstract readonly name: TargetName;
  readonly cluster: EtcdCluster;

  constructor(cluster: EtcdCluster) {
    this.cluster = cluster;
  }

  get pids(): readonly number[] {
    return this.cluster.pids;
  }

  get nodePids(): readonly number[] {
    return this.cluster.pids;
  }

  get replicas(): number {
    return this.cluster.pids.length;
  }

  cannot({ operation }: Row): string | undefined {
    return operation === 'lease' ? 'etcd has no reads by lease' : undefined;
  }

  counters(): Promise<Counters> {
    return this.cluster.counters();
  }

  abstract drive(row: Row, seconds: number): Promise<LoadOutcome>;
}

export class EtcdGatewayTarget extends EtcdTarget {
  readonly name = 'etcd-gateway';
  readonly side: HttpSide;

  constructor(cluster: EtcdCluster, driver: HttpDriver) {
    super(cluster);
    this.side = new HttpSide(cluster.urls, gatewayProtocol, driver);
  }

  drive(row: Row, seconds: number): Promise<LoadOutcome> {
    return this.side.drive(row, seconds);
  }
}

/** The client's names of operations. It draws keys evenly. */
const GRPC_OPERATIONS: Readonly<Partial<Record<Operation, string>>> = {
  put: 'put',
  get: 'get',
  stale: 'serializable-get',
};

export class EtcdGrpcTarget extends EtcdTarget {
  readonly name = 'etcd-grpc';
  readonly #client: string;
  readonly #data: Data;

  /** @param client the built client, see `buildGrpcClient` */
  constructor(cluster: EtcdCluster, client: string, data: Data) {
    super(cluster);
    this.#client = client;
    this.#data = data;
  }

  override cannot(row: Row): string | undefined {
    const known = GRPC_OPERATIONS[row.operation] !== undefined;
    return super.cannot(row) ?? (known ? undefined : 'the gRPC client knows no mixed load');
  }

  async drive({ operation, clients }: Row, seconds: number): Promise<LoadOutcome> {
    const flags = {
      op: GRPC_OPERATIONS[operation] ?? '',
      clients,
      duration: `${seconds}s`,
      // All that the servers do is to be counted with what they do it for; they are warm.
      warmup: '0s',
      endpoints: this.cluster.urls.join(','),
      keys: this.#data.keys,
      size: this.#data.valueBytes,
    };
    const args = Object.entries(flags).map(([flag, value]) => `-${flag}=${value}`);
    const cpu = endedChildrenCpuMs();
    const said = await output(this.#client, [...args, '-json']);
    return { ...parseGrpcReport(said), cpuMs: endedChildrenCpuMs() - cpu };
  }
}

interface GrpcReport {
  readonly seconds: number;
  readonly ops: number;
  readonly errors: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly p999_ms: number;
}

export function parseGrpcReport(said: string): Omit<LoadOutcome, 'cpuMs'> {
  const report = JSON.parse(said) as GrpcReport;
  const percentiles = { p50Ms: report.p50_ms, p99Ms: report.p99_ms, p999Ms: report.p999_ms };
  return { operations: report.ops, failures: report.errors, tookMs: report.seconds * 1_000, ...percentiles };
}

const DEFAULT_SOURCES = fileURLToPath(new URL('../../../shared/bench/etcd', import.meta.url));
/** Where Debian's golang-etcd-server-dev puts the client library. */
const GO_PATH = '/usr/share/gocode';

/**
 * The path of the client, or why there is none. @param said the folder of its main.go, or the client itself, built;
 * by default KVORUM_BENCH_ETCD, or else a folder beside the checkout
 */
export async function buildGrpcClient(
  said: string | undefined,
  { folder, say }: Context,
): Promise<{ readonly client: string } | { readonly missing: string }> {
  const place = said ?? process.env['KVORUM_BENCH_ETCD'] ?? DEFAULT_SOURCES;
  if (statSync(place, { throwIfNoEntry: false })?.isFile() === true) return { client: place };
  const main = join(place, 'main.go');
  if (!existsSync(main))
    return { missing: 'the sources of its client are not there; name their folder with --etcd-client' };
  if (!isInstalled('go')) return { missing: "the program go is not installed (Debian's golang-go)" };
  if (!existsSync(join(GO_PATH, 'src/go.etcd.io/etcd/clientv3'))) {
    return { missing: "the client library is not installed (Debian's golang-etcd-server-dev)" };
  }
  const client = join(folder, 'etcdbench');
  say('building the gRPC client, which takes a minute or two; --etcd-client takes a built one, too');
  const env = { ...process.env, GO111MODULE: 'off', GOPATH: GO_PATH, GOCACHE: join(folder, 'go-cache') };
  try {
    await promisify(execFile)('go', ['build', '-o', client, main], { env });
  } catch (error) {
    return { missing: `its client cannot be built: ${messageOf(error)}` };
  }
  // Thousands of small files, the deleting of which would come at the end, when people wait.
  command('rm', '-rf', join(folder, 'go-cache'));
  return { client };
}
