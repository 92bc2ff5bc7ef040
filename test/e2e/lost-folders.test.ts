/**
 * Folders that are lost or go back in time while a cluster of real processes is under load: its nodes are brought up again,
 * nothing that was acknowledged is lost, and afterwards they are nodes like any other.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { controlClient, readFaultsFile, type FaultControl } from '../../src/faults/index.js';
import { Load, progress } from './load.js';
import { startCluster } from './local-cluster.js';
import { http, statusOf } from './node-group.js';
import { Scene, until } from './processes.js';

const scene = new Scene();
afterEach(() => scene.clean());

const READY_LIMIT_MS = 60_000;

async function allReady(control: FaultControl): Promise<void> {
  const { nodes } = await control.status();
  for (const { name, url } of nodes) {
    await until(`${name} is ready`, async () => (await statusOf(`${url}/readyz?strict`)) === 200, READY_LIMIT_MS);
  }
}

async function startFaulty() {
  const data = scene.folder();
  const { url } = await startCluster(scene, { data, args: ['--faults', '--shards', '4'] });
  const file = readFaultsFile(data);
  if (file === undefined) throw new Error('no faults.json');
  const control = controlClient(file.url);
  await allReady(control);
  return { data, url, control };
}

const WENT_BACK = 'the data folder of this node went back in time';

/** Nodes whose current process was found by another node to have gone back in time. */
async function reported(control: FaultControl): Promise<number[]> {
  const { nodes } = await control.status();
  return nodes.filter(({ warnings }) => warnings.some((line) => line.includes(WENT_BACK))).map(({ node }) => node);
}

const wasReported = (control: FaultControl, node: number): Promise<void> =>
  until(`node ${node} is reported`, async () => (await reported(control)).includes(node));

it('a disk that is wiped and one that is rolled back under load lose no acknowledged write, nor fail a later restart', async () => {
  const { data, url, control } = await startFaulty();
  const load = new Load(() => [url], { writers: 8, keys: 4 });
  await progress(load, 200);

  await control.apply({ type: 'wipe-disk', node: 3 });
  await wasReported(control, 3);
  await progress(load, 100);
  await allReady(control);

  await control.apply({ type: 'keep-disk', node: 2 });
  await progress(load, 200);
  await allReady(control);
  await control.apply({ type: 'roll-back-disk', node: 2 });
  await wasReported(control, 2);
  await progress(load, 100);
  await allReady(control);

  await load.stop();
  expect(await load.lost(url)).toEqual([]);
  // Both are up to date and count: with both of them the third is not needed.
  await control.apply({ type: 'kill', node: 1 });
  const served = async () => (await http.put(`${url}/v1/kv/afterwards`, 'x')).status < 300;
  await until('two of three serve', served);
  expect(await load.lost(url)).toEqual([]);
  await control.apply({ type: 'heal' });
  await allReady(control);
  // A quarantine that has ended is not repeated: restarting both at once is like any other restart.
  for (const node of [2, 3]) await control.apply({ type: 'kill', node });
  await control.apply({ type: 'heal' });
  await allReady(control);
  expect(await reported(control)).toEqual([]);
  expect(await load.lost(url)).toEqual([]);
  expect(existsSync(join(data, 'n2.kept'))).toBe(true);
}, 240_000);

it('a copy beside a node, and a node of another cluster in its place, are refused, and leave nothing behind', async () => {
  const { data, url, control } = await startFaulty();
  const load = new Load(() => [url], { writers: 4, keys: 4 });
  await progress(load, 100);

  await control.apply({ type: 'copy-node', node: 2 });
  await until('the copy has ended', async () => (await control.status()).nodes[1]?.copy?.state === 'dead');
  const { nodes } = await control.status();
  expect(nodes[1]?.state).toBe('running');
  expect(nodes[1]?.copy?.ended).toBe('ended with code 1');
  expect(nodes[1]?.copy?.warnings.join('\n')).toContain('another one is alive as node 2');

  await control.apply({ type: 'stray-node', node: 2 });
  const metrics = async (node: number) => String((await http.get(`${nodes[node - 1]!.url}/metrics`)).data);
  const turnedAway = /^kvorum_link_refused_total\{reason="wrong-cluster"\} [1-9]/m;
  // The stray dials it.
  await until('it is turned away', async () => turnedAway.test(await metrics(3)));
  const beyond = await http.get(`${nodes[1]!.url}/v1/kv/stray-0`, { headers: { 'kv-timeout': '500ms' } });
  expect(beyond.status).toBeGreaterThanOrEqual(500);
  await progress(load, 100);

  await control.apply({ type: 'heal' });
  await allReady(control);
  await load.stop();
  expect(await load.lost(url)).toEqual([]);
  expect((await http.get(`${url}/v1/kv/stray-0`)).status).toBe(404);
  expect(readdirSync(data)).not.toContain('n2.copy');
}, 240_000);
