/** A copy of a data folder started beside its original; and a restarted node, which must not be taken for a copy. */
import { cpSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { Load, progress } from './load.js';
import { http, NodeGroup, statusOf } from './node-group.js';
import { Scene, type Program } from './processes.js';

const scene = new Scene();
afterEach(() => scene.clean());

/** Addresses for a second process of a node. */
const ELSEWHERE = ['--listen-peer', '127.0.0.1:0', '--listen-http', '127.0.0.1:0'];

/** n2 to n3. */
const LINKED = /"peer":3,.*"link up"/;

const refusals = async (url: string): Promise<number> => {
  const metrics = String((await http.get(`${url}/metrics`)).data);
  return Number(/^kvorum_link_refused_total\{reason="duplicate-node"\} (\d+)/m.exec(metrics)?.[1]);
};

/** The copy exits by itself, and logs why. */
async function isRefused(copy: Program): Promise<void> {
  const { code, signal } = await copy.ended;
  expect([code, signal]).toEqual([1, null]);
  expect(copy.output).toMatch(/node 3 refused this process: another one is alive as node 2/);
}

it('a copy of a data folder beside its original is refused and ends, as often as it is started', async () => {
  const group = await new NodeGroup(scene).start();
  const load = new Load(() => group.all().map(({ url }) => url), { writers: 4, keys: 4 });
  await progress(load, 100);
  const { data, program } = group.node('n2');
  const copied = join(scene.folder(), 'copy');
  await program.stop();
  cpSync(data, copied, { recursive: true });
  const original = group.startNode('n2').program;
  await group.ready();
  await progress(load, 100);
  // The first time it has the boot number of the original, the second time a higher one.
  for (const times of [1, 2]) {
    await isRefused(group.startCopy('n2', ['--data', copied, ...ELSEWHERE]));
    expect(await refusals(group.node('n3').url)).toBe(times);
    expect(await statusOf(`${group.node('n2').url}/readyz`)).toBe(200);
    await progress(load, 100);
  }
  expect(original.child.exitCode).toBeNull();
  await load.stop();
  for (const { url } of group.all()) expect(await load.lost(url)).toEqual([]);
}, 60_000);

/** Forwards connections to `address`, and keeps them open there when the client is gone. */
async function silentProxy(address: string): Promise<string> {
  const [host = '', port = ''] = address.split(':');
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes) => near.destroyed || near.write(bytes));
    far.on('close', () => near.destroy());
    sockets.push(() => far.destroy());
  });
  const sockets: (() => void)[] = [() => server.close()];
  closing.push(() => {
    for (const close of sockets) close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

it('a node that was killed is linked again within seconds, also while its old link looks open', async () => {
  const group = await new NodeGroup(scene).start();
  const { peer } = group.node('n3');
  /** Kills n2 and starts it again. @returns how long it took until it was linked to n3. */
  const back = async (more: readonly string[]): Promise<number> => {
    await group.node('n2').program.stop('SIGKILL');
    const startedAt = performance.now();
    await group.startNode('n2', more).program.line(LINKED);
    const tookMs = performance.now() - startedAt;
    await group.ready();
    return tookMs;
  };
  const plain = await back([]);
  const via = ['--via', `${peer}=${await silentProxy(peer)}`];
  await group.node('n2').program.stop();
  await group.startNode('n2', via).program.line(LINKED);
  const halfOpen = await back(via);
  await group.node('n3').program.line(/"peer":2,"why":"silent: /);
  expect(plain).toBeLessThan(6_000);
  expect(halfOpen).toBeLessThan(10_000);
  expect(await refusals(group.node('n3').url)).toBe(0);
  const seconds = [plain, halfOpen].map((ms) => (ms / 1000).toFixed(1));
  process.stdout.write(`killed and linked again after ${seconds[0]} s, over a half-open link after ${seconds[1]} s\n`);
}, 60_000);
