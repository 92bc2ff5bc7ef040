/** Node processes of scripts: none runs on after it was paused or killed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { ControlledPrograms } from '../../scripts/netns/processes.js';
import { NodeProgram } from '../../scripts/support/node-program.js';
import { isRunning, Scene, until } from './processes.js';

const scene = new Scene();
const programs: NodeProgram[] = [];
afterEach(async () => {
  for (const program of programs.splice(0)) await program.killed();
  await scene.clean();
});

/** Counts in its folder as fast as it can, after it has noted how it was started. */
const COUNTER = `
const { writeFileSync } = require('node:fs');
const [role, ...flags] = process.argv.slice(2);
writeFileSync(flags[0].slice(7) + '/said', [role, ...flags.slice(1), process.env.MARK, process.env.KVORUM_NAME].join(' '));
console.log('it counts');
let count = 0;
(function next() { writeFileSync(flags[0].slice(7) + '/count', String(++count)); setImmediate(next); })();
`;

async function counting(): Promise<{ program: NodeProgram; count: () => string; said: () => string }> {
  const data = scene.folder();
  const cli = join(data, 'counter.cjs');
  writeFileSync(cli, COUNTER);
  const behind = ['env', 'MARK=behind'];
  const program = new NodeProgram({ name: 'n1', cli, args: { data, shards: 4, insecure: true }, behind });
  programs.push(program);
  program.start();
  const read = (file: string) => () => readFileSync(join(data, file), 'utf8');
  await until('it counts', () => program.lastOutput === 'it counts');
  return { program, count: read('count'), said: read('said') };
}

it('starts a node behind another command, with all settings on the command line', async () => {
  process.env['KVORUM_NAME'] = 'of the person who runs the script';
  const { said } = await counting();
  delete process.env['KVORUM_NAME'];
  expect(said()).toBe('node --shards=4 --insecure behind ');
});

it('suspends the process: nothing is written until it is resumed', async () => {
  const { program, count } = await counting();
  await program.suspend();
  const suspended = count();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(count()).toBe(suspended);
  program.signal('SIGCONT');
  await until('it counts on', () => count() !== suspended && count() !== '');
});

it('is gone once killed, also while paused, and can be started again', async () => {
  const { program } = await counting();
  const { pid } = program;
  await program.suspend();
  await program.killed();
  expect(isRunning(pid)).toBe(false);
  expect(program.ending).toEqual({ code: null, signal: 'SIGKILL' });
  await expect(program.suspend()).rejects.toThrow('does not run');
  program.start();
  expect(program.pid).not.toBe(pid);
  expect(program.running).toBe(true);
  expect(() => {
    program.start();
  }).toThrow('runs already');
});

it('reports its faults to the fault control', async () => {
  const { program } = await counting();
  const processes = new ControlledPrograms([program]);
  const { pid } = program;
  expect(processes.view(1)).toEqual({ pid, state: 'running', ended: null, killed: false, warnings: [] });
  processes.pause(1);
  expect(processes.view(1)).toMatchObject({ pid, state: 'paused' });
  processes.resume(1);
  expect(processes.view(1)).toMatchObject({ pid, state: 'running' });
  await processes.kill(1);
  expect(processes.view(1)).toEqual({ pid, state: 'dead', ended: 'was killed by SIGKILL', killed: true, warnings: [] });
  processes.start(1);
  expect(processes.view(1)).toMatchObject({ state: 'running', killed: false });
  process.kill(program.pid, 'SIGKILL');
  await program.ended;
  expect(processes.view(1)).toMatchObject({ state: 'dead', killed: false });
  processes.start(1);
  processes.pause(1);
  await processes.stopAll(5_000);
  expect(processes.view(1).state).toBe('dead');
  expect(() => {
    processes.start(1);
  }).toThrow('stopping');
});
