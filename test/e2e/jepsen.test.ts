/** `npm run jepsen` for a few seconds on real processes: a verdict, and nothing left behind. */
import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { checkTransactions, readTransactions } from '../../src/check/index.js';
import { cleanEnvironment, Program, projectRoot, Scene, until } from './processes.js';

/** A cluster's start, a run of some seconds, a judgement: on a machine that does a lot besides. */
const LIMIT_MS = 120_000;

const scene = new Scene();
afterEach(() => scene.clean());

/** As npm runs it; its temporary folder is one of ours. */
function jepsen(temporary: string, ...args: readonly string[]): Program {
  const script = join(projectRoot, 'scripts', 'jepsen.ts');
  const env = cleanEnvironment({ TMPDIR: temporary });
  return scene.keep(new Program(process.execPath, ['--import', 'tsx', script, ...args], { env }));
}

/** What a run may have left; tsx keeps its cache there, too. */
const leftIn = (temporary: string): string[] => readdirSync(temporary).filter((name) => name.startsWith('kvorum'));

/** Processes whose command line names the folder. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')];
      } catch {
        return [];
      }
    })
    .filter((command) => command.includes(folder));
}

it(
  'three nodes, partitions and kills: linearizable, and nothing is left behind',
  async () => {
    const temporary = scene.folder();
    const historyPath = join(scene.folder(), 'history.jsonl');
    const program = jepsen(
      temporary,
      ...['--nodes', '3', '--seconds', '8', '--faults', 'halves,isolated-leader,kill-one', '--seed', 'smoke'],
      ...['--clients', '16', '--history', historyPath, '--json'],
    );
    const { code } = await program.ended;
    expect(program.stdout, program.output).toHaveLength(1);
    const report = JSON.parse(program.stdout[0]!) as Record<string, unknown>;
    expect({ code, ...report }, program.output).toMatchObject({
      code: 0,
      verdict: 'LINEARIZABLE',
      passed: true,
      failures: [],
      faults: { halves: 1, 'isolated-leader': 1, 'kill-one': 1 },
    });
    const { total } = report['operations'] as { total: number };
    expect(readFileSync(historyPath, 'utf8').trimEnd().split('\n')).toHaveLength(total);
    expect(leftIn(temporary)).toEqual([]);
    expect(processesOf(temporary)).toEqual([]);
  },
  LIMIT_MS,
);

it(
  'transactions over shards, a partition and a kill: strictly serializable, also judged again from the file',
  async () => {
    const temporary = scene.folder();
    const historyPath = join(scene.folder(), 'history.jsonl');
    const program = jepsen(
      temporary,
      ...['--workload', 'list-append', '--nodes', '3', '--seconds', '7', '--faults', 'halves,kill-leader'],
      // So few requests a second that a busy machine can do a tenth of them.
      ...['--clients', '8', '--rate', '4', '--seed', 'smoke', '--history', historyPath, '--json'],
    );
    const { code } = await program.ended;
    expect(program.stdout, program.output).toHaveLength(1);
    const report = JSON.parse(program.stdout[0]!) as Record<string, unknown>;
    const verdict = 'STRICTLY SERIALIZABLE';
    expect({ code, ...report }, program.output).toMatchObject({ code: 0, verdict, passed: true, failures: [] });
    const { total } = report['operations'] as { total: number };
    const history = await readTransactions(createReadStream(historyPath));
    expect(history).toHaveLength(total);
    expect(checkTransactions(history).verdict).toBe(verdict);
    expect(history.some(({ ops, ok }) => ok === true && new Set(ops.map(([, key]) => key)).size > 1)).toBe(true);
    expect(leftIn(temporary)).toEqual([]);
  },
  LIMIT_MS,
);

it(
  'Ctrl-C heals and stops everything',
  async () => {
    const temporary = scene.folder();
    const program = jepsen(temporary, '--nodes', '3', '--seconds', '60', '--faults', 'pause', '--clients', '4');
    // A paused node does not answer a SIGTERM.
    await program.errorLine(/ {2}pause: pause /, 60_000);
    await program.errorLine(/^ +\d+\.\d +1?\d\.\ds for .* pause: /, 60_000);
    expect(processesOf(temporary).length).toBeGreaterThanOrEqual(4);
    const { code } = await program.stop('SIGINT');
    expect(code).toBe(130);
    await until('no process is left', () => processesOf(temporary).length === 0);
    expect(leftIn(temporary)).toEqual([]);
  },
  LIMIT_MS,
);

it('contradictory options are refused before anything is started', async () => {
  const temporary = scene.folder();
  for (const [args, complaint] of [
    [['--faults', 'earthquake'], 'there is no fault "earthquake"'],
    [['--nodes', '3', '--replicas', '4'], '--replicas 4 is more than --nodes 3'],
    [['--seconds', '3'], '--seconds 3 is too short'],
    [['--netns', '--faults', 'links'], '--netns cannot do --faults slow-links, lossy-links'],
    [['--history', join(temporary, 'no', 'x.jsonl')], 'x.jsonl: it cannot be written there: ENOENT'],
  ] as const) {
    const program = jepsen(temporary, ...args);
    expect((await program.ended).code).toBe(2);
    expect(program.output).toContain(complaint);
    // In one line, without a stack.
    expect(program.output.trimEnd().split('\n'), program.output).toHaveLength(1);
  }
  expect(leftIn(temporary)).toEqual([]);
});
