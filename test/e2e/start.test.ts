/** `npm start`, from the first line to the last process. */
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { startCluster } from './local-cluster.js';
import { http } from './node-group.js';
import { isRunning, kvorum, Scene } from './processes.js';

const scene = new Scene();
afterEach(() => scene.clean());

describe('npm start', () => {
  it('prints one ready line, serves, and on SIGTERM stops all processes within 5 s', async () => {
    const data = scene.folder();
    const { program, url, pids, readyLine } = await startCluster(scene, { data, viaNpm: true });
    expect(readyLine).toContain('nodes=3 shards=16 replicas=3');
    expect(pids).toHaveLength(3);
    expect(pids.every(isRunning)).toBe(true);

    const put = await http.put(`${url}/v1/kv/greeting`, 'hello', { headers: { 'content-type': 'text/plain' } });
    expect(put.status).toBe(201);
    const got = await http.get(`${url}/v1/kv/greeting`);
    expect([got.status, got.data]).toEqual([200, 'hello']);

    const { tookMs } = await program.stop('SIGTERM');
    expect(tookMs).toBeLessThan(5_000);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(program.stdout.filter((line) => line.startsWith('kvorum ready'))).toHaveLength(1);
    await expect(http.get(url)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('finds the data on a second start, and none after --fresh', async () => {
    const data = scene.folder();
    const first = await startCluster(scene, { data });
    await http.put(`${first.url}/v1/kv/kept`, 'x'.repeat(100));
    await first.program.stop();

    const second = await startCluster(scene, { data });
    expect((await http.get(`${second.url}/v1/kv/kept`)).data).toBe('x'.repeat(100));
    await second.program.stop();

    const fresh = await startCluster(scene, { data, args: ['--fresh'] });
    expect((await http.get(`${fresh.url}/v1/kv/kept`)).status).toBe(404);
    await fresh.program.stop();
  });

  it('takes its options, and refuses ones that contradict the data', async () => {
    const data = scene.folder();
    const { program, readyLine, pids } = await startCluster(scene, { data, args: ['--nodes', '2', '--shards', '4'] });
    expect(readyLine).toContain('nodes=2 shards=4 replicas=2');
    expect(pids).toHaveLength(2);
    await program.stop();

    const other = scene.keep(kvorum(['start', '--data', data, '--port', '0', '--shards', '8']));
    expect((await other.ended).code).toBe(2);
    expect(other.output).toMatch(/--shards 8 contradicts the data .* shards=4.*--fresh/);
  });

  it('Ctrl-C, which a terminal sends to the whole process group, stops all processes cleanly', async () => {
    const data = scene.folder();
    const { program, pids } = await startCluster(scene, { data });
    for (const pid of [...pids, program.pid]) process.kill(pid, 'SIGINT');
    expect((await program.ended).code).toBe(0);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(program.output).not.toContain('was killed');
  });

  it('reports that its port or its folder is in use, and starts nothing', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const data = scene.folder();
    const blocked = scene.keep(kvorum(['start', '--data', data, '--port', String(port)]));
    expect((await blocked.ended).code).toBe(1);
    expect(blocked.output).toContain(`127.0.0.1:${port} is in use by another process`);
    expect(existsSync(join(data, 'n1'))).toBe(false);
    server.close();

    await startCluster(scene, { data });
    const second = scene.keep(kvorum(['start', '--data', data, '--port', '0']));
    expect((await second.ended).code).toBe(2);
    expect(second.output).toMatch(/another kvorum \(process \d+\) runs with the data/);
  });

  it('says on eight lines at most what to do next, and what it stops; logs are in files', async () => {
    const data = scene.folder();
    const { program, url, pids } = await startCluster(scene, { data });
    await program.errorLine(/^kvorum: Ctrl-C/);
    const said = program.output.trimEnd().split('\n');
    expect(said.length).toBeLessThanOrEqual(1 + 8);
    expect(said.every((line) => line.startsWith('kvorum'))).toBe(true);
    expect(program.output).toMatch(/^kvorum: starting 3 nodes and a router, data in /m);
    const curl = said.find((line) => line.startsWith('kvorum: try it'))?.split('try it')[1] ?? '';
    expect(execFileSync('bash', ['-c', `${curl} 2>/dev/null`], { encoding: 'utf8' })).toMatch(
      /"created":true\}\s*hello$/,
    );
    expect(program.output).toContain(`kill -9 ${pids[2]}`);
    expect(curl).toContain(url.replace('http://', ''));
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^kvorum_log_lines_lost_total 0$/m);

    await program.stop('SIGINT');
    expect(program.output).toMatch(/^kvorum: stopping 3 nodes and a router; their data stays in /m);
    expect(program.output).not.toMatch(/ warn /);
    for (const name of ['n1', 'n2', 'n3', 'router'])
      expect(readFileSync(join(data, 'logs', `${name}.log`), 'utf8')).toMatch(/^\{"level":30,.*"msg":"link up"\}$/m);
  });

  it('prefixes the lines of each node, without colour unless on a terminal', async () => {
    const { program } = await startCluster(scene, { data: scene.folder(), args: ['--log-level', 'info'] });
    for (const name of ['n1', 'n2', 'n3'])
      await program.errorLine(new RegExp(`^${name} +│ \\d\\d:\\d\\d:\\d\\d\\.\\d{3} info `));
    expect(program.output).not.toContain('\u001B[');
  });
});
