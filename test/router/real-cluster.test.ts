/**
 * The HTTP surface over a real cluster in this process: three nodes with the whole stack below them, in memory, a
 * network that encodes every message, an HTTP server in one node and one in a router of its own.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import axios, { type AxiosInstance, type AxiosResponse } from 'axios';
import { v7 as uuid } from 'uuid';
import { Dispatcher, HttpServer, Metrics, NodeBackend, RemoteBackend, type Backend } from '../../src/router/index.js';
import {
  MemoryDisk,
  MemoryNetwork,
  MemoryStorage,
  ShardNode,
  loadHash,
  shardOfKey,
  silentLogger,
  systemRuntime,
  type ClusterConfig,
} from '../../src/shard/index.js';

const runtime = systemRuntime();
const network = new MemoryNetwork(runtime, { encode: true });
const nodes = new Map<number, ShardNode>();
const closing: (() => Promise<unknown>)[] = [];
let viaNode: AxiosInstance;
let viaRouter: AxiosInstance;

async function serve(backend: Backend): Promise<AxiosInstance> {
  const dispatcher = new Dispatcher({ backend, runtime, shardOfKey });
  const metrics = new Metrics({ backend, dispatcher, processMetrics: false });
  const server = new HttpServer({ backend, dispatcher, metrics, build: { version: 'test' }, port: 0 });
  const { port } = await server.listen();
  closing.push(() => server.close(0));
  const always = { validateStatus: () => true, maxRedirects: 0, transformResponse: (body: unknown) => body };
  return axios.create({ baseURL: `http://127.0.0.1:${port}`, ...always });
}

beforeAll(async () => {
  await loadHash();
  const clusterConfig: ClusterConfig = {
    clusterId: 'c',
    nodes: [1, 2, 3].map((id) => ({
      id,
      name: `n${id}`,
      peerAddress: `127.0.0.1:${id}`,
      httpAddress: `127.0.0.1:900${id}`,
    })),
    shardCount: 4,
    replicas: 3,
    leaseReads: false,
  };
  for (const { id, name } of clusterConfig.nodes) {
    const storage = new MemoryStorage(new MemoryDisk());
    const node = new ShardNode({
      id,
      name,
      clusterConfig,
      storage,
      transport: network.node(id),
      runtime,
      logger: silentLogger,
    });
    nodes.set(id, node);
    await node.start();
  }
  const remote = new RemoteBackend({ transport: network.router(), runtime });
  await remote.start();
  const local = new NodeBackend({ host: nodes.get(1)!, runtime });
  viaNode = await serve(local);
  viaRouter = await serve(remote);
  closing.push(
    () => remote.close(),
    () => {
      local.close();
      return Promise.all([...nodes.values()].map((node) => node.crash()));
    },
  );
});

afterAll(async () => {
  for (const close of closing) await close();
});

const parsed = (response: AxiosResponse<unknown>): Record<string, unknown> =>
  JSON.parse(String(response.data)) as Record<string, unknown>;

describe('HTTP over a real cluster', () => {
  it('becomes ready by itself', async () => {
    await expect.poll(async () => (await viaRouter.get('/readyz')).status, { timeout: 10_000 }).toBe(200);
    expect((await viaNode.get('/readyz')).status).toBe(200);
  });

  it('a value put through the router is read through a node, byte for byte, with its headers', async () => {
    const body = Buffer.from([0, 255, 10, 13, 128]);
    const put = await viaRouter.put('/v1/kv/a%2Fb%00c', body, { headers: { 'content-type': 'image/x' } });
    expect(put.status).toBe(201);
    const got = await viaNode.get('/v1/kv/a%2Fb%00c', { responseType: 'arraybuffer' });
    expect([got.status, got.headers['content-type'], got.headers['etag']]).toEqual([
      200,
      'image/x',
      put.headers['etag'],
    ]);
    expect(Buffer.from(got.data as ArrayBuffer).equals(body)).toBe(true);
    const head = await viaRouter.head('/v1/kv/a%2Fb%00c');
    expect([head.status, head.headers['content-length'], head.data]).toEqual([200, '5', '']);
    const known = await viaRouter.get('/v1/kv/a%2Fb%00c', {
      headers: { 'if-none-match': String(put.headers['etag']) },
    });
    expect(known.status).toBe(304);
  });

  it('of two compare-and-sets on one revision one wins, and the other gets the current revision', async () => {
    const first = parsed(await viaRouter.put('/v1/kv/cas', '0'));
    const headers = { 'if-match': `"${String(first['revision'])}"` };
    const answers = await Promise.all(
      [viaRouter, viaNode].map((via, i) => via.put('/v1/kv/cas', String(i + 1), { headers })),
    );
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 412]);
    const won = parsed(answers.find((answer) => answer.status === 200)!);
    const lost = parsed(answers.find((answer) => answer.status === 412)!);
    expect(lost).toMatchObject({
      code: 'precondition-failed',
      outcome: 'not_applied',
      current_revision: won['revision'],
    });
  });

  it('a write repeated under its idempotency key is answered, and not applied again', async () => {
    const headers = { 'idempotency-key': uuid() };
    const first = await viaRouter.put('/v1/kv/once', 'x', { headers });
    await viaRouter.put('/v1/kv/once', 'y');
    const again = await viaNode.put('/v1/kv/once', 'x', { headers });
    expect([again.status, again.data, again.headers['idempotency-replayed']]).toEqual([
      first.status,
      first.data,
      'true',
    ]);
    expect((await viaNode.get('/v1/kv/once')).data).toBe('y');
    const other = await viaNode.put('/v1/kv/once', 'z', { headers });
    expect([other.status, parsed(other)['code']]).toEqual([422, 'idempotency-key-reused']);
  });

  it('deletes, and says whether the key existed', async () => {
    await viaRouter.put('/v1/kv/gone', 'x');
    expect(parsed(await viaNode.delete('/v1/kv/gone'))).toMatchObject({ deleted: true });
    expect(parsed(await viaRouter.delete('/v1/kv/gone'))).toMatchObject({ deleted: false });
    const absent = await viaNode.get('/v1/kv/gone');
    expect([absent.status, parsed(absent)['code']]).toEqual([404, 'key-not-found']);
  });

  it('shows the shard of a key, and that all replicas of it have the same state', async () => {
    await viaRouter.put('/v1/kv/here', 'x');
    const where = parsed(await viaRouter.get('/v1/where/here'));
    expect(nodes.get(Number(where['leader']))?.leaderOf(Number(where['shard']))).toBe(where['leader']);
    const hashes = async (): Promise<number> => {
      const shard = parsed(await viaNode.get(`/v1/shards/${String(where['shard'])}`));
      const replicas = shard['replicas'] as { applied: number; state_hash: string }[];
      expect(replicas).toHaveLength(3);
      return new Set(replicas.map(({ applied, state_hash }) => `${applied} ${state_hash}`)).size;
    };
    await expect.poll(hashes, { timeout: 5_000 }).toBe(1);
  });

  it('without a quorum refuses in time, as not applied or unknown, and serves again afterwards', async () => {
    await viaRouter.put('/v1/kv/kept', 'before');
    network.dropWhen((from, to) => from <= 3 && to <= 3);
    const headers = { 'kv-timeout': '1500ms' };
    const read = await viaRouter.get('/v1/kv/kept', { headers });
    expect([read.status, parsed(read)['outcome']]).toEqual([503, 'not_applied']);
    const write = await viaRouter.put('/v1/kv/kept', 'after', { headers });
    expect([503, 504]).toContain(write.status);
    expect(parsed(write)['outcome']).toBe(write.status === 504 ? 'unknown' : 'not_applied');
    network.dropWhen(undefined);
    const later = await viaRouter.get('/v1/kv/kept');
    expect(write.status === 504 ? ['before', 'after'] : ['before']).toContain(later.data);
  });
});
