/** Processes under a small `ulimit -n`, with clients that take every connection that they can get. */
import { execFileSync } from 'node:child_process';
import { Agent } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { encodeHello, PROTOCOL } from '../../src/shard/index.js';
import { http, json, NodeGroup } from './node-group.js';
import { Scene, kvorum, until } from './processes.js';

const OPEN_FILES = 256;
const limited = (openFiles: number): readonly string[] => ['bash', '-c', `ulimit -n ${openFiles}; exec "$@"`, 'bash'];

/** A new connection for each request. */
const anew = { httpAgent: new Agent() };

const scene = new Scene();
const sockets: (Socket | WebSocket)[] = [];
function endConnections(): void {
  for (const socket of sockets.splice(0)) {
    if ('destroy' in socket) socket.destroy();
    else socket.terminate();
  }
}

let isOver = false;
beforeEach(() => {
  isOver = false;
});
afterEach(async () => {
  isOver = true;
  endConnections();
  await scene.clean();
});

/** A connection that requests a key again and again. @returns the status of its first answer, or 0. */
function greedy(url: string): Promise<number> {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  const ask = (): boolean => socket.write(`GET /v1/kv/a?consistency=stale HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  ask();
  const timer = setInterval(ask, 2_000);
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(chunk.toString('latin1'))?.[1]));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(timer);
      resolve(0);
    });
  });
}

async function descriptors(url: string): Promise<{ used: number; left: number }> {
  const { data } = await http.get<string>(`${url}/metrics`, anew);
  const value = (state: string): number =>
    Number(new RegExp(`^kvorum_file_descriptors\\{state="${state}"\\} (\\d+)$`, 'm').exec(data)?.[1]);
  return { used: value('used'), left: value('left') };
}

it('serve accepted connections, refuse others with 503, answer health routes, and have enough for their files', async () => {
  const group = await new NodeGroup(scene, ['--shards', '4'], {}, limited(OPEN_FILES)).start();
  const { url } = group.node('n1');
  const httpAgent = new Agent({ keepAlive: true, maxSockets: 1 });
  const put = async (i: number, bytes: number): Promise<number> =>
    (await http.put(`${url}/v1/kv/a${i % 16}`, String(i % 10).repeat(bytes), { httpAgent })).status;
  await until('the first put is served', async () => (await put(0, 10)) < 300);

  const statuses = new Map<number, number>();
  // No more at once than there are spare connections: each gets an answer.
  for (let i = 0; i < 2 * OPEN_FILES; i += 16) {
    for (const status of await Promise.all(Array.from({ length: 16 }, () => greedy(url)))) {
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  }
  const served = (statuses.get(200) ?? 0) + (statuses.get(404) ?? 0);
  expect(served).toBeGreaterThan(64);
  expect([...statuses.keys()].sort()).not.toContain(0);
  expect(statuses.get(503)).toBe(2 * OPEN_FILES - served);

  const refused = await http.get(`${url}/v1/kv/a`, anew);
  expect([refused.status, json(refused)]).toMatchObject([503, { code: 'too-many-connections', retryable: true }]);
  expect(refused.headers).toMatchObject({ 'retry-after': '1', connection: 'close' });
  for (const path of ['/livez', '/readyz']) expect((await http.get(url + path, anew)).status).toBe(200);
  const { used, left } = await descriptors(url);
  expect(used + left).toBe(OPEN_FILES);
  // Descriptors that a node itself uses, and its reserve for files.
  expect(used).toBeGreaterThan(served + 20);
  expect(left).toBeGreaterThan(32);

  // The journal grows and is emptied, and the log of state.db is checkpointed: 64 MiB in all.
  for (let i = 1; i <= 128; i++) expect(await put(i, 512 * 1024)).toBeLessThan(300);
  for (const { program } of group.all()) expect(program.child.exitCode).toBeNull();
  httpAgent.destroy();
  endConnections();
  await until('others are served again', async () => (await http.get(`${url}/v1/kv/a1`, anew)).status === 200);
});

it('answer health routes, and are scraped, while clients that never complete a head hold all connections', async () => {
  const group = await new NodeGroup(scene, ['--shards', '1'], {}, limited(160)).start();
  const { url } = group.node('n1');
  const { hostname, port, host } = new URL(url);
  let full = false;
  while (!full) full = (await Promise.all(Array.from({ length: 16 }, () => greedy(url)))).includes(503);
  for (let round = 0; round < 3; round++) {
    const slow = Array.from({ length: 200 }, () => {
      const socket = connect(Number(port), hostname);
      sockets.push(socket);
      socket.on('error', () => undefined).resume();
      socket.write(`GET /livez HTTP/1.1\r\nHost: ${host}\r\nX-Slow: `);
      return new Promise((resolve) => socket.once('connect', resolve));
    });
    await Promise.all(slow);
    for (const path of ['/livez', '/readyz', '/metrics']) {
      expect([path, (await http.get(url + path, anew)).status]).toEqual([path, 200]);
    }
    expect((await http.get(`${url}/v1/kv/a`, anew)).status).toBe(503);
  }
});

it('without a free descriptor delay what needs one, report that, and go on', async () => {
  const group = await new NodeGroup(scene, ['--shards', '1'], {}, limited(OPEN_FILES)).start(1);
  const { url, program } = group.node('n1');
  const httpAgent = new Agent({ keepAlive: true, maxSockets: 1 });
  const put = async (bytes: number): Promise<number> =>
    (await http.put(`${url}/v1/kv/a`, 'x'.repeat(bytes), { httpAgent, headers: { 'kv-timeout': '2s' } })).status;
  const metrics = async (): Promise<string> => (await http.get<string>(`${url}/metrics`, { httpAgent })).data;
  const limitTo = (openFiles: number): void => {
    execFileSync('prlimit', [`--pid=${program.pid}`, `--nofile=${openFiles}:${OPEN_FILES}`]);
  };
  expect(await put(10)).toBe(201);
  // Fewer than it has open: it can open nothing at all.
  limitTo(16);
  await until('a put finds no descriptor', async () => (await put(1024 * 1024)) === 429);
  expect(await metrics()).toMatch(/^kvorum_storage_stalled\{waits="commits",reason="no-descriptors"\} 1$/m);
  expect(await metrics()).toMatch(/^kvorum_file_descriptors\{state="left"\} 0$/m);
  expect((await http.get(`${url}/v1/kv/a`, { httpAgent })).status).toBe(200);
  limitTo(OPEN_FILES);
  await until('it is served again', async () => (await put(10)) === 200);
  expect(await metrics()).toMatch(/^kvorum_storage_stalled\{waits="commits",reason="no-descriptors"\} 0$/m);
  expect(program.child.exitCode).toBeNull();
  httpAgent.destroy();
});

const REDIAL_MS = 50;

/** Links as a router has them, dialled again whenever they are refused or end; how many are up. */
class Routers {
  up = 0;
  readonly #peer: string;
  readonly #to: number;

  constructor(peer: string, to: number, count: number) {
    this.#peer = peer;
    this.#to = to;
    for (let i = 0; i < count; i++) this.#dial();
  }

  #dial(): void {
    const socket = new WebSocket(`ws://${this.#peer}/`);
    sockets.push(socket);
    let isUp = false;
    socket.on('open', () => {
      const from = { role: 'router', from: 0, to: this.#to, incarnation: 1, clusterId: '' } as const;
      socket.send(encodeHello({ ...from, ...PROTOCOL, extension: {} }));
    });
    socket.once('message', () => {
      isUp = true;
      this.up++;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (isUp) this.up--;
      sockets.splice(sockets.indexOf(socket), 1);
      const again = setTimeout(() => {
        if (!isOver) this.#dial();
      }, REDIAL_MS);
      again.unref();
    });
  }
}

it('reserve a link for a node, however many routers are linked', async () => {
  const group = await new NodeGroup(scene, ['--shards', '1'], {}, limited(OPEN_FILES)).start();
  const routers = new Routers(group.node('n3').peer, 3, 64);
  await until('some routers are linked', () => Promise.resolve(routers.up > 16));
  expect(routers.up).toBeLessThan(64);

  group.node('n1').program.child.kill('SIGKILL');
  await group.node('n1').program.ended;
  group.startNode('n1');
  await group.ready(['n1']);
  const metrics = async (): Promise<string> => (await http.get<string>(`${group.node('n1').url}/metrics`)).data;
  await until('n1 is linked to n3', async () => /^kvorum_link_protocol_version\{peer="3"\} /m.test(await metrics()));
});

it.each([24, 48, 80])(
  'a limit of %d, with which not even the modules can be loaded, is reported in one line',
  async (openFiles) => {
    const program = scene.keep(kvorum(['node', '--help'], {}, limited(openFiles)));
    expect((await program.ended).code).toBe(1);
    expect(program.output).toMatch(/^kvorum: too few file descriptors: EMFILE: .*; raise `ulimit -n` to at least 128$/);
  },
);
