/** `kvorum start --faults` and `npm run faults`, with real processes: broken, served on, healed. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { controlClient, readFaultsFile, type FaultControl, type FaultStatus } from '../../src/faults/index.js';
import { startCluster, type StartedCluster } from './local-cluster.js';
import { http, json } from './node-group.js';
import { isRunning, Program, projectRoot, Scene, until } from './processes.js';

const scene = new Scene();
afterEach(() => scene.clean());

interface Faulty extends StartedCluster {
  readonly data: string;
  readonly control: FaultControl;
}

async function startFaulty(args: readonly string[] = []): Promise<Faulty> {
  const data = scene.folder();
  const cluster = await startCluster(scene, { data, args: ['--faults', '--shards', '4', ...args] });
  const file = readFaultsFile(data);
  if (file === undefined) throw new Error('no faults.json');
  return { ...cluster, data, control: controlClient(file.url) };
}

const script = (data: string, ...words: string[]): Program =>
  scene.keep(new Program(join(projectRoot, 'node_modules/.bin/tsx'), ['scripts/faults.ts', '--data', data, ...words]));

async function ran(program: Program): Promise<{ code: number | null; out: string; err: string }> {
  const { code } = await program.ended;
  return { code, out: program.stdout.join('\n'), err: program.stderr.join('\n') };
}

const put = async (url: string, key: string, value: string): Promise<number> =>
  (await http.put(`${url}/v1/kv/${key}`, value, { headers: { 'content-type': 'text/plain' } })).status;
const get = async (url: string, key: string): Promise<unknown> => (await http.get(`${url}/v1/kv/${key}`)).data;

const shardOf = async (url: string, key: string): Promise<number> =>
  Number(json(await http.get(`${url}/v1/where/${key}`))['shard']);
const leading = (status: FaultStatus, shard: number) => status.shards.find((view) => view.shard === shard);
const states = (status: FaultStatus) => status.nodes.map(({ state }) => state);
const allLed = ({ shards }: FaultStatus) => shards.length === 4 && shards.every(({ leader }) => leader !== null);

describe('a cluster with faults', () => {
  it('serves on while its leader is isolated, a node is dead, or paused, and is whole again when healed', async () => {
    const { url, pids, control } = await startFaulty();
    const shard = await shardOf(url, 'k');
    expect(await put(url, 'k', 'before')).toBe(201);
    const before = leading(await control.status(), shard);
    const old = before?.leader ?? 0;
    expect(old).toBeGreaterThan(0);

    await control.apply({ type: 'isolate', node: old });
    expect(await put(url, 'k', 'while isolated')).toBe(200);
    await until('another leads', async () => {
      const now = leading(await control.status(), shard);
      return now?.leader !== null && now?.leader !== old && (now?.term ?? 0) > (before?.term ?? 0);
    });
    expect((await control.status()).links).toHaveLength(4);
    expect(await get(url, 'k')).toBe('while isolated');

    await control.apply({ type: 'heal' });
    expect((await control.status()).links).toEqual([]);

    const [dead, paused] = [(old % 3) + 1, old];
    await control.apply({ type: 'kill', node: dead });
    expect(isRunning(pids[dead - 1]!)).toBe(false);
    expect((await control.status()).nodes[dead - 1]).toMatchObject({ state: 'dead', killed: true });
    expect(await put(url, 'k', 'while dead')).toBe(200);

    await control.apply({ type: 'restart', node: dead });
    await until('the node is back', async () => {
      const { nodes } = json(await http.get(`${url}/v1/cluster`)) as { nodes?: { alive: boolean }[] };
      return nodes?.[dead - 1]?.alive === true;
    });
    await control.apply({ type: 'pause', node: paused });
    expect(states(await control.status())[paused - 1]).toBe('paused');
    expect(await put(url, 'k', 'while paused')).toBe(200);
    await control.apply({ type: 'resume', node: paused });

    const status = await control.status();
    expect(states(status)).toEqual(['running', 'running', 'running']);
    expect(status.nodes[dead - 1]?.pid).not.toBe(pids[dead - 1]);
    await until('all shards are led', async () => allLed(await control.status()));
    expect(await get(url, 'k')).toBe('while paused');
  });

  it('survives that all its nodes are killed on request, and starts them again', async () => {
    const { program, url, control } = await startFaulty();
    expect(await put(url, 'k', 'kept')).toBe(201);
    for (const node of [1, 2, 3]) await control.apply({ type: 'kill', node });
    expect(states(await control.status())).toEqual(['dead', 'dead', 'dead']);
    await control.apply({ type: 'heal' });
    await until('all shards are led', async () => allLed(await control.status()));
    expect(await get(url, 'k')).toBe('kept');
    expect(program.output).not.toContain('no node is left');
  });

  it('has routers with links of their own: one is cut off, the other serves', async () => {
    const { url, control } = await startFaulty(['--routers', '2']);
    const { routers } = await control.status();
    expect(routers.map(({ name }) => name)).toEqual(['r1', 'r2']);
    expect(routers[0]?.url).toBe(url);
    const second = routers[1]?.url ?? '';
    expect(await put(second, 'k', 'by r2')).toBe(201);
    await control.apply({ type: 'partition', sides: [['r2'], [1, 2, 3]] });
    const refused = await http.get(`${second}/v1/kv/k`, { headers: { 'kv-timeout': '500ms' } });
    expect([503, 504]).toContain(refused.status);
    expect(await get(url, 'k')).toBe('by r2');
    await control.apply({ type: 'heal' });
    await until('r2 serves again', async () => (await http.get(`${second}/v1/kv/k`)).data === 'by r2');
  });

  it('stops all processes within 5 s, also paused and cut off ones, and removes its file', async () => {
    const { program, pids, data, control } = await startFaulty(['--routers', '2']);
    await control.apply({ type: 'pause', node: 1 });
    await control.apply({ type: 'isolate', node: 2 });
    const { code, tookMs } = await program.stop('SIGTERM');
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(5_000);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(existsSync(join(data, 'faults.json'))).toBe(false);
  });

  it('has no control file and no proxies without --faults', async () => {
    const data = scene.folder();
    const { program, pids } = await startCluster(scene, { data });
    expect(existsSync(join(data, 'faults.json'))).toBe(false);
    expect(readFileSync(`/proc/${pids[0]!}/cmdline`, 'utf8')).not.toContain('--via');
    expect(program.output).not.toContain('npm run faults');
    expect(await ran(script(data, 'status'))).toMatchObject({ code: 1, out: '' });
  });
});

describe('npm run faults', () => {
  it('injects the requested fault, confirms it, and shows the cluster', async () => {
    const { data, control } = await startFaulty();
    const leader = leading(await control.status(), 2)?.leader ?? 0;
    const { code, out } = await ran(script(data, 'isolate', 'leader:2'));
    expect(code).toBe(0);
    expect(out).toContain(`did: isolate ${leader}\n`);
    expect(out).toMatch(/^n1 +running +\d+ +\d /m);
    expect(out).toMatch(/^links: \d-\d cut, \d-\d cut$/m);

    const asJson = await ran(script(data, '--json', 'partition', '1/2'));
    expect(JSON.parse(asJson.out)).toMatchObject({ applied: { type: 'partition', sides: [[1], [2]] } });
    expect((await control.status()).links).toHaveLength(6);
  });

  it('refuses what is wrong by name, and changes nothing', async () => {
    const { data, control } = await startFaulty();
    const before = await control.status();
    const wrong: [string[], string][] = [
      [['kill', '9'], 'there is no node 9; nodes are 1 to 3'],
      [['frob'], "unknown command 'frob'"],
      [['resume', '1'], 'resume: node 1 is not paused: it is running'],
      [['delay', '1-2', '-5ms'], "delay: time '-5ms' must be from 0ms"],
      [['one-way', '1>1'], 'one-way: 1 has no link to itself'],
      [['kill', 'leader:99'], 'there is no shard 99; shards are 0 to 3'],
    ];
    for (const [words, complaint] of wrong) {
      const { code, out, err } = await ran(script(data, ...words));
      expect([words, code, out]).toEqual([words, 2, '']);
      expect(err).toContain(complaint);
    }
    // Warnings of nodes while programs start beside them do not matter here.
    const quiet = ({ nodes, links }: FaultStatus) => ({
      nodes: nodes.map((node) => ({ ...node, warnings: [] })),
      links,
    });
    expect(quiet(await control.status())).toEqual(quiet(before));
  });

  it('runs a random course, and heals when it is interrupted', async () => {
    const { data, control } = await startFaulty();
    const course = script(data, 'random', '--seed', '8f3a', '--seconds', '600');
    await course.line(/^\+ +\S+ s {2}(?!heal)/);
    await until('something is broken', async () => {
      const { links, nodes } = await control.status();
      return links.length > 0 || nodes.some(({ state }) => state !== 'running');
    });
    course.child.kill('SIGINT');
    const { code, out } = await ran(course);
    expect(code).toBe(130);
    expect(out).toContain('interrupted, and healed');
    const status = await control.status();
    expect([status.links, states(status)]).toEqual([[], ['running', 'running', 'running']]);
  });
});
