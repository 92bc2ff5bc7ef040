/** Data folders that former builds left behind, killed: this build opens them, migrates what is of a former format, and reads all. */
import getPort from 'get-port';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { PROTOCOL } from '../../src/shard/index.js';
import { http, json, statusOf } from './node-group.js';
import { kvorum, Scene, until } from './processes.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}.tar.gz`, import.meta.url));
/** Derived from the addresses that the cluster was made with. */
const CLUSTER_ID = '4817c0f9-b177-533d-9590-a165021c2407';

const scene = new Scene();
afterEach(() => scene.clean());

/** Of `key-N`: the value, or undefined for what was deleted or never there. */
const expected = (n: number): string | undefined => {
  if (n === 0 || n === 10) return undefined;
  return n < 10 ? `first-${n}` : `second-${n}`;
};

test.each([
  ['folder-of-protocol-1', undefined],
  ['folder-of-format-1', 'x'.repeat(10_000)],
  ['folder-of-level-2', undefined],
  ['folder-of-format-2', 'x'.repeat(10_000)],
])('%s is opened, read and written, and its cluster gets a uid', async (name, long) => {
  const folder = scene.folder();
  execFileSync('tar', ['-xzf', fixture(name), '-C', folder]);
  const [peer, place] = [await getPort({ host: '127.0.0.1' }), await getPort({ host: '127.0.0.1' })];
  const cluster = `n1=127.0.0.1:${peer}@127.0.0.1:${place}`;
  const own = ['--name', 'n1', '--cluster', cluster, '--cluster-id', CLUSTER_ID, '--data', join(folder, 'n1')];
  const url = `http://127.0.0.1:${place}`;

  const open = async () => {
    const program = scene.keep(kvorum(['node', ...own, '--shards', '2', '--replicas', '1']));
    await until('the node is ready', async () => {
      if (program.child.exitCode !== null) throw new Error(`it ended:\n${program.output}`);
      return (await statusOf(`${url}/readyz`)) === 200;
    });
    return program;
  };
  const readAll = async (): Promise<void> => {
    for (let n = 0; n < 30; n++) {
      const answer = await http.get<string>(`${url}/v1/kv/key-${n}`);
      const value = expected(n);
      expect([answer.status, value === undefined ? undefined : answer.data]).toEqual([
        value === undefined ? 404 : 200,
        value,
      ]);
    }
    const answer = await http.get<string>(`${url}/v1/kv/long`);
    expect([answer.status, answer.status === 404 ? undefined : answer.data]).toEqual([
      long === undefined ? 404 : 200,
      long,
    ]);
  };

  const program = await open();
  await readAll();
  expect((await http.put(`${url}/v1/kv/new`, 'of this build')).status).toBe(201);
  await until('the cluster has a uid', async () => {
    const view = json(await http.get(`${url}/v1/cluster`));
    return typeof view['cluster_uid'] === 'string' && view['feature_level'] === PROTOCOL.featureLevel;
  });
  const uid = json(await http.get(`${url}/v1/cluster`))['cluster_uid'];
  // What only this build can do, on keys that the former one has written.
  expect((await http.put(`${url}/v1/kv/key-1?ttl=1h`, 'expires')).status).toBe(200);
  const number = { headers: { 'content-type': 'application/vnd.kvorum.increment+json' } };
  expect(json(await http.patch(`${url}/v1/kv/count`, '{"by":5}', number))).toMatchObject({ value: 5 });
  await program.stop();

  await open();
  expect((await http.get(`${url}/v1/kv/key-1`)).headers['kv-expires-at']).toMatch(/^20/);
  expect((await http.put(`${url}/v1/kv/key-1`, 'first-1')).status).toBe(200);
  await readAll();
  expect((await http.get(`${url}/v1/kv/count`)).data).toBe('5');
  expect((await http.get(`${url}/v1/kv/new`)).data).toBe('of this build');
  expect(json(await http.get(`${url}/v1/cluster`))['cluster_uid']).toBe(uid);
});
