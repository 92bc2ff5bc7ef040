/** A run of the bank that is told to end leaves neither processes nor folders behind, however early and how often. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const temporary = mkdtempSync(join(tmpdir(), 'kvorum-leftovers-'));
afterEach(() => {
  // A test that failed has left something.
  for (const pid of processesIn(temporary)) process.kill(pid, 'SIGKILL');
  rmSync(temporary, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

const from = (file: string): string => JSON.stringify(new URL(`../../scripts/mutants/${file}`, import.meta.url).href);
/** Writes into its folder for as long as it lives. */
const WRITER = `let n = 0; console.log(1); for (;;) require('node:fs').writeFileSync('f' + (n++ % 1000), '')`;
const PROGRAM = `
  const { makeCopy } = await import(${from('copies.ts')});
  const { runNode } = await import(${from('processes.ts')});
  const { folder } = makeCopy(${JSON.stringify(root)}, undefined);
  void runNode(['-e', ${JSON.stringify(WRITER)}], { cwd: folder, timeoutMs: 60_000 });
  const { existsSync } = await import('node:fs');
  const timer = setInterval(() => {
    if (!existsSync(folder + '/f100')) return;
    clearInterval(timer);
    console.log('it works');
    setInterval(() => undefined, 1_000);
  }, 10);
`;

/** By their environment, which names the folder for temporary files. */
const processesIn = (folder: string): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(folder);
      } catch {
        return false;
      }
    });

it('leaves nothing behind after two signals at once', async () => {
  const program = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', PROGRAM], {
    cwd: root,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => {
    program.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
  });
  await new Promise((resolve) => createInterface({ input: program.stdout }).once('line', resolve));
  const copies = () => readdirSync(temporary).filter((name) => name.startsWith('kvorum-mutant-'));
  expect(copies()).toHaveLength(1);
  // As at Ctrl-C under npm: the terminal tells all of them, and npm tells them again.
  const again = setInterval(() => program.kill('SIGTERM'), 1);
  program.kill('SIGTERM');
  expect(await ended).toEqual({ code: 143, signal: null });
  clearInterval(again);
  expect(copies()).toEqual([]);
  expect(processesIn(temporary)).toEqual([]);
}, 60_000);

it('receives signals itself: npm starts it without a shell or tsx in between, which would kill it while it is busy', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };
  // All that take something away again at a signal.
  for (const name of ['mutants', 'faults', 'jepsen', 'power-cut']) {
    expect(scripts[name]).toBe(`exec node --import tsx scripts/${name}.ts`);
  }
});
