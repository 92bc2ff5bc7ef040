/** `kvorum sim` as a user runs it; and its worker processes, of which one dies and one hangs. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { SimWorkers } from '../../src/cli/sim-workers.js';
import { generateScenario } from '../../src/sim/index.js';
import { isRunning, kvorum, projectRoot, Scene, until } from './processes.js';

const scene = new Scene();
afterEach(() => scene.clean());

const simulate = async (...args: string[]) => {
  const program = scene.keep(kvorum(['sim', ...args]));
  const { code } = await program.ended;
  return { code, out: program.stdout.join('\n'), err: program.stderr.join('\n') };
};

interface Document {
  readonly seeds: number;
  readonly failed: number;
  readonly passed: boolean;
  readonly digest: string;
  readonly faults: Readonly<Record<string, number>>;
}

describe('kvorum sim', () => {
  it('runs seeds in several processes, with the same result whatever their number', async () => {
    const [one, two] = [
      await simulate('--seeds', '4', '--no-shrink', '--jobs', '1', '--json'),
      await simulate('--seeds', '4', '--no-shrink', '--jobs', '3', '--json'),
    ];
    const documents = [one, two].map(({ out }) => JSON.parse(out) as Document);
    expect(documents[0]).toMatchObject({ seeds: 4, failed: 0, passed: true });
    expect(Object.values(documents[0]!.faults).length).toBeGreaterThan(5);
    expect(documents[1]!.digest).toBe(documents[0]!.digest);
    expect([one.code, two.code]).toEqual([0, 0]);
  });

  it('writes all of its output before it ends, however slow its reader is', async () => {
    const file = join(scene.folder(), 'trace');
    const sim = 'node dist/cli.js sim --seed 8f3a --trace';
    const script = `${sim} | (sleep 5; wc -c); ${sim} > ${file}; wc -c < ${file}`;
    const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: projectRoot });
    const [piped, written] = stdout.trim().split('\n').map(Number);
    // More than a pipe holds.
    expect(written).toBeGreaterThan(100_000);
    expect(piped).toBe(written);
  });

  it('replays a seed byte for byte, with its trace and without', async () => {
    const [first, second] = [await simulate('--seed', '8f3a', '--trace'), await simulate('--seed', '8f3a', '--trace')];
    expect(first.out).toBe(second.out);
    const lines = first.out.split('\n');
    expect(lines.length).toBeGreaterThan(200);
    const report = lines.slice(lines.findIndex((line) => /^(?:PASSED|FAILED): seed 8f3a/.test(line)));
    expect(report.length).toBeGreaterThan(10);
    const silent = await simulate('--seed', '8f3a');
    expect(silent.out).toBe(report.join('\n'));
    for (const { code } of [first, second, silent]) expect(code).toBe(report[0]?.startsWith('PASSED') === true ? 0 : 1);
  });

  it.each([
    [['--seed', 'xyz'], 'kvorum: seed must be 1 to 8 hexadecimal digits'],
    [['--seed', '8f3a', '--faults', '999'], 'kvorum: --faults of seed 8f3a: 999 is none of the'],
    [['--nodes', '2', '--replicas', '3'], 'kvorum: replicas (3) must not be more than the number of nodes (2)'],
    [['--what'], "error: unknown option '--what'"],
  ])('%j is bad usage: code 2, and nothing on standard output', async (args, complaint) => {
    const { code, out, err } = await simulate(...args);
    expect(code).toBe(2);
    expect(err).toContain(complaint);
    expect(out).toBe('');
  });

  it('prints a failure at once, and again in its report', async () => {
    const { code, out, err } = await simulate(
      '--first',
      '1',
      '--seeds',
      '1',
      '--no-shrink',
      '--duration-ms',
      '100',
      '--clients',
      '1',
    );
    expect(code).toBe(1);
    expect(err).toMatch(/^kvorum: seed 1 failed: idle: only \d+ operations went well$/m);
    expect(out).toMatch(/^FAILED: seed 1, idle/m);
  });

  it('interrupted, it reports the seeds done by then, and leaves no process behind', async () => {
    const program = scene.keep(kvorum(['sim', '--minutes', '5', '--first', '1', '--jobs', '2']));
    await program.errorLine(/[1-9]\d* seeds, /);
    await program.stop('SIGINT');
    expect(program.stdout[0]).toMatch(/^INTERRUPTED: [1-9]\d* seeds? from 1 on, \d+ failed$/);
    expect((await program.ended).code).toBe(1);
  });

  it('the worker command refuses to run on its own', async () => {
    const program = scene.keep(kvorum(['sim-worker']));
    expect((await program.ended).code).toBe(2);
    expect(program.output).toContain('run kvorum sim');
  });
});

/** Speaks the protocol of a worker; the seed decides how it ends. */
const WORKER = `
process.on('message', ({ seed }) => {
  if (seed === 1) process.kill(process.pid, 'SIGKILL');
  else if (seed === 2) { process.stderr.write('out of luck'); process.exitCode = 3; process.disconnect(); }
  else if (seed === 3) for (;;);
  else if (seed === 4) process.send({ error: 'it broke' });
  else process.send({ measured: { cpuMs: process.pid, result: {} } });
});
`;

describe('worker processes', () => {
  it('fail the seed with which they die or hang, and no other', async () => {
    const script = join(scene.folder(), 'worker.cjs');
    writeFileSync(script, WORKER);
    const workers = new SimWorkers({ script, limitMs: 3_000 });
    const scenario = generateScenario(1);
    const pids: number[] = [];
    const good = async () => pids.push((await workers.run(9, scenario)).cpuMs);
    try {
      await good();
      await good();
      expect(pids[1]).toBe(pids[0]);
      await expect(workers.run(4, scenario)).rejects.toThrow('it broke');
      await expect(workers.run(1, scenario)).rejects.toThrow('its process was killed by SIGKILL');
      await good();
      expect(pids[2]).not.toBe(pids[0]);
      await expect(workers.run(2, scenario)).rejects.toThrow('its process ended with code 3\nout of luck');
      await expect(workers.run(3, scenario)).rejects.toThrow('it did not end within 3 s');
      // Two at a time are two processes.
      await Promise.all([good(), good()]);
      expect(pids[3]).not.toBe(pids[4]);
    } finally {
      workers.close();
    }
    await until('all of them are gone', () => !pids.some(isRunning));
  });
});
