/**
 * etcd as two targets: through its HTTP gateway with the same load, and through gRPC with a client in Go; and its
 * cluster.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { command, isInstalled } from '../support/command.js';
import { endedChildrenCpuMs } from '../support/cpu.js';
import { type Context, freePorts } from './context.js';
import {
  type Api,
  type Counters,
  type HttpDriver,
  HttpSide,
  type LoadOutcome,
  type Target,
  type TargetName,
} from './target.js';
import type { ManyKeysApi } from './many-keys.js';
import { type Data, type OperationName, type Protocol, putsPerRequest, type Row } from './workload.js';
import { outputOf } from './wrk-load.js';
import { messageOf } from '../../src/thrown.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export const gatewayProtocol: Protocol = (kind, key, value) => {
  const json = (path: string, body: object) =>
    ({ method: 'POST', path: `/v3/kv/${path}`, contentType: 'application/json', body: JSON.stringify(body) }) as const;
  if (kind === 'put') return json('put', { key: base64(key), value: base64(value) });
  return json('range', { key: base64(key), ...(kind === 'stale' ? { serializable: true } : {}) });
};

const gatewayMany: ManyKeysApi = {
  transaction: {
    request: (puts) => ({
      ...{ method: 'POST', path: '/v3/kv/txn', contentType: 'application/json' },
      body: JSON.stringify({
        success: puts.map(({ key, value }) => ({ requestPut: { key: base64(key), value: base64(value) } })),
      }),
    }),
    mark: { text: '"succeeded":true', times: 1 },
  },
};

export const gatewayApi: Api = { single: gatewayProtocol, many: gatewayMany };

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
    this.side = new HttpSide(cluster.urls, gatewayApi, driver);
  }

  override cannot(row: Row): string | undefined {
    return super.cannot(row) ?? this.side.cannot(row);
  }

  prepare(row: Row): Promise<void> {
    return this.side.prepare(row);
  }

  drive(row: Row, seconds: number): Promise<LoadOutcome> {
    return this.side.drive(row, seconds);
  }
}

/** The client's names of operations. It chooses keys uniformly. All keys of etcd are in one group. */
const GRPC_OPERATIONS: Readonly<Partial<Record<OperationName, string>>> = {
  put: 'put',
  get: 'get',
  stale: 'serializable-get',
  txn1: 'txn',
  txn2: 'txn',
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
    return super.cannot(row) ?? (known ? undefined : `the gRPC client has no ${row.operation}`);
  }

  async drive({ operation, clients }: Row, seconds: number): Promise<LoadOutcome> {
    const flags = {
      op: GRPC_OPERATIONS[operation] ?? '',
      clients,
      duration: `${seconds}s`,
      // No warm-up: the CPU time of all requests is counted, so all requests must be. The servers are warm already.
      warmup: '0s',
      endpoints: this.cluster.urls.join(','),
      keys: this.#data.keys,
      size: this.#data.valueBytes,
    };
    const args = Object.entries(flags).map(([flag, value]) => `-${flag}=${value}`);
    const cpu = endedChildrenCpuMs();
    const report = await outputOf(this.#client, [...args, '-json']);
    return { ...parseGrpcReport(report, Math.max(1, putsPerRequest(operation))), cpuMs: endedChildrenCpuMs() - cpu };
  }
}

interface GrpcReport {
  /** Absent in a client that has no transactions. */
  readonly keys_per_op?: number;
  readonly seconds: number;
  readonly ops: number;
  readonly errors: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly p999_ms: number;
}

/** @param keys of each operation @throws Error if the client, which may be another than ours, did something else */
export function parseGrpcReport(json: string, keys: number): Omit<LoadOutcome, 'cpuMs'> {
  const report = JSON.parse(json) as GrpcReport;
  if ((report.keys_per_op ?? 1) !== keys) throw new Error('the gRPC client given has no transactions; ours has');
  const percentiles = { p50Ms: report.p50_ms, p99Ms: report.p99_ms, p999Ms: report.p999_ms };
  return { operations: report.ops, failures: report.errors, tookMs: report.seconds * 1_000, ...percentiles };
}

const DEFAULT_SOURCES = fileURLToPath(new URL('./etcd-client', import.meta.url));
/** Where Debian's golang-etcd-server-dev puts the client library. */
const GO_PATH = '/usr/share/gocode';

/**
 * The path of the client, or why there is none. @param given the folder of its main.go, or the built client;
 * default: KVORUM_BENCH_ETCD, else ours
 */
export async function buildGrpcClient(
  given: string | undefined,
  { folder, say }: Context,
): Promise<{ readonly client: string } | { readonly missing: string }> {
  const place = given ?? process.env['KVORUM_BENCH_ETCD'] ?? DEFAULT_SOURCES;
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
  // Thousands of small files: deleted now, or they would delay the end of the run.
  command('rm', '-rf', join(folder, 'go-cache'));
  return { client };
}

const MEMBERS = 3;
const READY_LIMIT_MS = 30_000;
const POLL_MS = 100;
const ASK_LIMIT_MS = 2_000;

/** Why etcd cannot run here; undefined: it can. */
export const etcdIsMissing = (): string | undefined =>
  isInstalled('etcd') ? undefined : "the program etcd is not installed (Debian's etcd-server)";

/** Three etcd members on loopback with etcd's default settings, on free ports. Needs Debian's etcd-server. */
export class EtcdCluster {
  readonly pids: readonly number[];
  /** The leader's first, so that one client is served without a hop. */
  readonly urls: readonly string[];

  private constructor(pids: readonly number[], urls: readonly string[]) {
    this.pids = pids;
    this.urls = urls;
  }

  static async start({ folder, cleanUp }: Context): Promise<EtcdCluster> {
    const place = mkdtempSync(join(folder, 'etcd-'));
    const ports = await freePorts(2 * MEMBERS);
    const urls = ports.map((port) => `http://127.0.0.1:${port}`);
    const [clients, peers] = [urls.slice(0, MEMBERS), urls.slice(MEMBERS)];
    const cluster = peers.map((peer, i) => `e${i + 1}=${peer}`).join(',');
    const members = clients.map((client, i) => {
      const flags = {
        name: `e${i + 1}`,
        'data-dir': join(place, `e${i + 1}`),
        'listen-client-urls': client,
        'advertise-client-urls': client,
        'listen-peer-urls': peers[i] ?? '',
        'initial-advertise-peer-urls': peers[i] ?? '',
        'initial-cluster': cluster,
        'initial-cluster-state': 'new',
        'log-level': 'error',
      };
      const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
      // A process group of its own, so that Ctrl-C reaches only this program, which then ends the members.
      return spawn('etcd', args, { stdio: 'ignore', detached: true });
    });
    cleanUp.add('end etcd', async () => {
      await Promise.all(members.map(ended));
    });
    const ordered = await leaderFirst(clients);
    return new EtcdCluster(
      members.map(({ pid }) => pid ?? 0),
      ordered,
    );
  }

  async counters(): Promise<Counters> {
    const texts = await Promise.all(this.urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
    const sum = (name: string): number =>
      texts.reduce((total, text) => total + Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0), 0);
    const commits = sum('etcd_disk_wal_fsync_duration_seconds_count');
    return { commits, entries: sum('etcd_server_proposals_applied_total'), loopDelays: [] };
  }
}

async function ended(member: ChildProcess): Promise<void> {
  if (member.exitCode !== null || member.signalCode !== null || member.pid === undefined) return;
  member.kill('SIGKILL');
  await once(member, 'exit');
}

interface MemberStatus {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
}

/** The URLs with the leader's first; waits until every member knows a leader. */
async function leaderFirst(urls: readonly string[]): Promise<string[]> {
  const deadline = performance.now() + READY_LIMIT_MS;
  for (;;) {
    const statuses = await Promise.all(urls.map(status));
    const leads = statuses.map((member) => member?.leader !== undefined && member.leader === member.header.member_id);
    if (statuses.every((member) => (member?.leader ?? '0') !== '0') && leads.includes(true)) {
      return [...urls.filter((_, i) => leads[i] === true), ...urls.filter((_, i) => leads[i] !== true)];
    }
    if (performance.now() > deadline) throw new Error(`etcd is not ready after ${READY_LIMIT_MS / 1_000} s`);
    await pause(POLL_MS);
  }
}

async function status(url: string): Promise<MemberStatus | undefined> {
  try {
    const signal = AbortSignal.timeout(ASK_LIMIT_MS);
    const answer = await fetch(`${url}/v3/maintenance/status`, { method: 'POST', body: '{}', signal });
    return answer.ok ? ((await answer.json()) as MemberStatus) : undefined;
  } catch {
    return undefined;
  }
}
