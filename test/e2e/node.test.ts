/** `kvorum node` and `kvorum router` as an operator meets them: draining, file modes, limits, mistakes. */
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { leastMaxJournalBytes } from '../../src/config/index.js';
import { Load, progress } from './load.js';
import { http, NodeGroup, statusOf } from './node-group.js';
import { kvorum, Scene, until } from './processes.js';

const scene = new Scene();
afterEach(() => scene.clean());

describe('row 40: SIGTERM under load', () => {
  it('hands leadership over, answers what is under way, and ends with code 0 in time', async () => {
    const group = await new NodeGroup(scene).start();
    const survivors = group.all().filter(({ name }) => name !== 'n1');
    const load = new Load(() => survivors.map(({ url }) => url), { writers: 8, keys: 8 });
    await progress(load, 200);
    load.takeGaps();
    const { code, tookMs } = await group.node('n1').program.stop('SIGTERM');
    await progress(load, 200);
    const longest = Math.round(load.takeGaps()[0]?.ms ?? 0);
    await load.stop();
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(5_000);
    expect(await load.lost(survivors[0]!.url)).toEqual([]);
    process.stdout.write(`drained in ${Math.round(tookMs)} ms; longest pause of a key meanwhile ${longest} ms\n`);
  });

  it('refuses connections afterwards, and the data is there at the next start', async () => {
    const group = await new NodeGroup(scene).start(1);
    const { url, program } = group.node('n1');
    expect((await http.put(`${url}/v1/kv/a`, 'x')).status).toBe(201);
    expect((await program.stop('SIGTERM')).code).toBe(0);
    expect(await statusOf(url)).toBeUndefined();
    group.startNode('n1');
    await group.ready();
    expect((await http.get(`${url}/v1/kv/a`)).data).toBe('x');
  });
});

it('row 41: keeps its data to itself: folders 0700, files 0600', async () => {
  const group = await new NodeGroup(scene).start(1);
  const { url, data } = group.node('n1');
  await http.put(`${url}/v1/kv/a`, 'x');
  expect(statSync(data).mode & 0o777).toBe(0o700);
  const entries = readdirSync(data, { recursive: true, withFileTypes: true });
  expect(entries.length).toBeGreaterThan(0);
  for (const entry of entries) {
    const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
    expect([entry.name, mode.toString(8)]).toEqual([entry.name, entry.isDirectory() ? '700' : '600']);
  }
});

describe('row 39: the quota of the journal', () => {
  const value = 'v'.repeat(64 * 1024);
  const least = leastMaxJournalBytes(value.length);
  const limits = ['--max-value-bytes', String(value.length), '--max-journal-bytes', String(least)];

  it('at its smallest is never an end: 15 times as much is written, and all of it is served', async () => {
    const group = await new NodeGroup(scene, ['--shards', '4', ...limits]).start();
    const { url } = group.node('n1');
    const rounds = Math.ceil((15 * least) / value.length / 16);
    for (let round = 0; round < rounds; round++) {
      const put = async (i: number): Promise<number> => {
        const headers = { 'kv-timeout': '10s' };
        let status = 0;
        // Back-pressure is an answer; that nothing can be written any more is none.
        await until(`k${i} is written`, async () => {
          ({ status } = await http.put(`${url}/v1/kv/k${i}`, value, { headers }));
          return status !== 429;
        });
        return status;
      };
      const statuses = await Promise.all(Array.from({ length: 16 }, (_, i) => put(i)));
      for (const status of statuses) expect([200, 201]).toContain(status);
    }
    for (let i = 0; i < 16; i++) expect((await http.get(`${url}/v1/kv/k${i}`)).data).toBe(value);
    await group.ready();
  }, 120_000);

  it('that cannot work is refused at the start, with the smallest that can', async () => {
    const member = 'n1=127.0.0.1:7101@127.0.0.1:7001';
    const args = ['node', '--name', 'n1', '--cluster', member, '--data', scene.folder()];
    const program = scene.keep(kvorum([...args, '--max-journal-bytes', String(4 * 1024 * 1024)]));
    expect((await program.ended).code).toBe(2);
    expect(program.output).toContain(`must be at least ${leastMaxJournalBytes(1024 * 1024)}`);
  });
});

describe('row 43: listening beyond loopback', () => {
  const member = 'n1=127.0.0.1:7101@127.0.0.1:7001';

  it.each([['--listen-http'], ['--listen-peer']])('is refused for %s without --insecure', async (flag) => {
    const data = join(scene.folder(), 'n1');
    const args = ['node', '--name', 'n1', '--cluster', member, '--data', data, flag, '0.0.0.0:0'];
    const program = scene.keep(kvorum(args));
    expect((await program.ended).code).toBe(2);
    expect(program.output).toContain('--insecure');
    expect(() => statSync(data)).toThrow('ENOENT');
  });

  it('is done with --insecure', async () => {
    const data = scene.folder();
    const open = ['--listen-http', '0.0.0.0:0', '--listen-peer', '0.0.0.0:0', '--insecure'];
    const program = scene.keep(kvorum(['node', '--name', 'n1', '--cluster', member, '--data', data, ...open]));
    const line = await program.line(/node listens/);
    expect(JSON.parse(line)).toMatchObject({ http: expect.stringMatching(/^0\.0\.0\.0:\d+$/) as string });
    await program.stop();
  });
});

describe('a mistake', () => {
  it('in a configuration file ends with code 2 and names field, limit and file', async () => {
    const file = join(scene.folder(), 'node.json');
    writeFileSync(file, JSON.stringify({ tickMs: 0 }));
    const program = scene.keep(
      kvorum(['node', '--config', file, '--name', 'a', '--cluster', 'a=h:1@h:2', '--data', 'x']),
    );
    expect((await program.ended).code).toBe(2);
    expect(program.output).toContain(`tickMs must be a whole number from 5 to 1000; got "0" (field tickMs of ${file})`);
  });

  it('of starting a node on data that was made with other numbers ends with code 1 and says which', async () => {
    const group = await new NodeGroup(scene, ['--shards', '4']).start(1);
    await group.node('n1').program.stop();
    const { program } = group.startNode('n1', ['--shards', '8']);
    expect((await program.ended).code).toBe(1);
    expect(program.output).toMatch(/the data folder belongs to|shards/);
  });

  it('of a port in use ends with code 1 and names the port', async () => {
    const group = await new NodeGroup(scene).start(1);
    const place = group.node('n1').url.replace('http://', '');
    const cluster = `a=127.0.0.1:1@${place}`;
    const args = [
      'node',
      '--name',
      'a',
      '--cluster',
      cluster,
      '--data',
      scene.folder(),
      '--listen-peer',
      '127.0.0.1:0',
    ];
    const program = scene.keep(kvorum(args));
    expect((await program.ended).code).toBe(1);
    expect(program.output).toContain(`${place} is in use`);
  });
});

describe('a stand-alone router', () => {
  it('serves the whole cluster from the address of one node, and survives the loss of that node', async () => {
    const group = await new NodeGroup(scene).start();
    const n1 = group.node('n1');
    const router = scene.keep(kvorum(['router', '--nodes', n1.peer, '--listen', '127.0.0.1:0']));
    const line = await router.line(/router listens/);
    const url = `http://${(JSON.parse(line) as { http: string }).http}`;
    await until('the router is ready', async () => (await statusOf(`${url}/readyz?strict`)) === 200);
    expect((await http.put(`${url}/v1/kv/a`, '1')).status).toBe(201);
    await n1.program.stop('SIGKILL');
    expect((await http.put(`${url}/v1/kv/a`, '2', { headers: { 'kv-timeout': '8s' } })).status).toBe(200);
    expect((await http.get(`${url}/v1/kv/a`)).data).toBe('2');
    expect((await router.stop('SIGTERM')).code).toBe(0);
  });

  it('answers 503 while it knows no node, and does not end', async () => {
    const router = scene.keep(kvorum(['router', '--nodes', '127.0.0.1:1', '--listen', '127.0.0.1:0']));
    const line = await router.line(/router listens/);
    const url = `http://${(JSON.parse(line) as { http: string }).http}`;
    expect((await http.get(`${url}/v1/kv/a`, { headers: { 'kv-timeout': '300ms' } })).status).toBe(503);
    expect(await statusOf(`${url}/livez`)).toBe(200);
    expect(router.child.exitCode).toBeNull();
  });
});
