/** `npm start`, when the processes that it is made of are killed. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { startCluster } from './local-cluster.js';
import { http } from './node-group.js';
import { cleanEnvironment, cliScript, isRunning, Scene, until } from './processes.js';

const scene = new Scene();
afterEach(() => scene.clean());

describe('npm start', () => {
  it('leaves no node behind when the supervisor itself is killed', async () => {
    const { program, pids } = await startCluster(scene, { data: scene.folder() });
    await program.stop('SIGKILL');
    await until('all nodes are gone', () => !pids.some(isRunning), 10_000);
  });

  it('leaves no node behind whose supervisor was gone before it had come up', async () => {
    const member = 'n1=127.0.0.1:7101@127.0.0.1:7001';
    const open = ['--listen-http', '127.0.0.1:0', '--listen-peer', '127.0.0.1:0'];
    const args = ['node', '--name', 'n1', '--cluster', member, '--data', scene.folder(), ...open];
    const child = fork(cliScript, args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], env: cleanEnvironment() });
    const ended = once(child, 'exit');
    child.disconnect();
    expect(await ended).toEqual([0, null]);
  });

  it('reports that a node died, does not restart it, and serves on', async () => {
    const { program, url, pids } = await startCluster(scene, { data: scene.folder() });
    process.kill(pids[1]!, 'SIGKILL');
    const said = await program.errorLine(/node n2 .* was killed by SIGKILL/);
    expect(said).toContain(String(pids[1]));
    expect(said).toContain('--restart');
    expect((await http.put(`${url}/v1/kv/after`, 'a')).status).toBe(201);
    expect(program.output).not.toContain('is restarted');
  });

  it('starts it again with --restart', async () => {
    const { program, pids } = await startCluster(scene, { data: scene.folder(), args: ['--restart'] });
    process.kill(pids[0]!, 'SIGKILL');
    const said = await program.errorLine(/node n1 is restarted \(pid \d+\)/);
    const pid = Number(/pid (\d+)/.exec(said)?.[1]);
    expect(pid).not.toBe(pids[0]);
    expect(isRunning(pid)).toBe(true);
  });

  it('ends with code 1 when no node is left', async () => {
    const { program, pids } = await startCluster(scene, { data: scene.folder() });
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    expect((await program.ended).code).toBe(1);
    expect(program.output).toContain('no node is left');
  });
});
