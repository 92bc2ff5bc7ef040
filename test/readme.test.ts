/**
 * Runs the transcripts of README and compares their output.
 *
 * `npm start` in a transcript starts a real cluster, on a port and in a folder of its own, which later sections go on
 * using; 127.0.0.1:8080 and the documented process ids stand for the real ones, and `npm run faults` gets the folder. Every other command is
 * run by bash as it is written.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startCluster } from './e2e/local-cluster.js';
import { cleanEnvironment, projectRoot, Scene } from './e2e/processes.js';
import { consoleBlocks, difference, type Step } from './support/transcript.js';

/** Sections whose console blocks are run, in the order of the document. */
const SECTIONS = ['Sixty seconds', 'The HTTP API', 'Break it yourself'];
const DOCUMENTED = '127.0.0.1:8080';

const scene = new Scene();
afterAll(() => scene.clean());

/** Documented addresses and process ids → real ones. */
const real = new Map<string, string>();
/** Data folder of the cluster that was started last. */
let dataFolder = '';

function withRealNames(command: string): string {
  let text = command.replaceAll('localhost:8080', DOCUMENTED);
  text = text.replace('npm run -s faults -- ', `npm run -s faults -- --data ${dataFolder} `);
  for (const [documented, actual] of real) text = text.replaceAll(new RegExp(`\\b${documented}\\b`, 'g'), actual);
  return text;
}

async function run(step: Step): Promise<string[]> {
  if (/\bnpm start\b/.test(step.command)) return [await start(step)];
  const output = await new Promise<string>((resolve) => {
    const command = withRealNames(step.command);
    // A documented process id that was not replaced may belong to a foreign process.
    if (/\bkill\b/.test(command) && command === step.command)
      throw new Error(`README.md:${step.line}: no process stands for this id`);
    const script = `exec 2>&1\n${command}`;
    // A command may fail, and show how.
    execFile('bash', ['-c', script], { cwd: projectRoot, env: cleanEnvironment() }, (_, stdout) => {
      resolve(stdout);
    });
  });
  const place = real.get(DOCUMENTED);
  return (place === undefined ? output : output.replaceAll(place, DOCUMENTED)).split('\n');
}

async function start(step: Step): Promise<string> {
  const [, options = ''] = step.command.split(' -- ');
  const args = options.split(' ').filter((word) => word !== '');
  dataFolder = scene.folder();
  const { readyLine, url, pids } = await startCluster(scene, { data: dataFolder, args });
  const place = url.replace('http://', '');
  real.set(DOCUMENTED, place);
  const documentedPids = /pids=([\d,]+)/.exec(step.expected.join('\n'))?.[1]?.split(',') ?? [];
  for (const [index, pid] of documentedPids.entries()) real.set(pid, String(pids[index]));
  return readyLine.replace(place, DOCUMENTED);
}

const blocks = consoleBlocks(readFileSync(join(projectRoot, 'README.md'), 'utf8'));

describe.each(SECTIONS)('README, %s', (section) => {
  const steps = blocks.filter(({ headings }) => headings.some((h) => h.startsWith(section))).flatMap((b) => b.steps);

  it('has a transcript', () => {
    expect(steps.length).toBeGreaterThan(3);
  });

  it('shows what really happens', async () => {
    for (const step of steps) {
      const differs = difference(step.expected, await run(step));
      if (differs !== undefined) throw new Error(`README.md:${step.line} $ ${step.command}\n${differs}`);
    }
  });
});
