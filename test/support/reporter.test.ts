/** The closing line that CI reads: true also when a file does not load. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvorum-reporter-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Runs the given test files with this reporter; the last line of what it printed, and the exit code. */
function closing(files: Record<string, string>): Promise<{ line: string; code: number }> {
  const all = { ...files, 'vitest.config.mjs': 'export default { test: { globals: true } };' };
  for (const [name, text] of Object.entries(all)) writeFileSync(join(folder, name), text);
  const vitest = path('../../node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', `--reporter=${path('./reporter.ts')}`];
  return new Promise((resolve) => {
    execFile(process.execPath, [vitest, 'run', '--root', folder, ...reporters], { cwd: folder }, (error, stdout) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      resolve({ line: stdout.trimEnd().split('\n').at(-1) ?? '', code });
    });
  });
}

it('counts passed and failed tests', async () => {
  const text = `it('a', () => {}); it('b', () => {}); it('c', () => { throw new Error('no'); });`;
  expect(await closing({ 'a.test.ts': text })).toEqual({ line: '2 passed, 1 failed', code: 1 });
});

it('ends in 0 failed when all is well', async () => {
  expect(await closing({ 'a.test.ts': `it('a', () => {});` })).toEqual({ line: '1 passed, 0 failed', code: 0 });
});

it('counts a file that does not load, and an error outside of any test', async () => {
  const files = {
    'absent.test.ts': `import './not-there.js'; it('a', () => {});`,
    'good.test.ts': `it('a', () => {});`,
    'late.test.ts': `it('a', () => { Promise.reject(new Error('nobody waits')); });`,
  };
  expect(await closing(files)).toEqual({ line: '2 passed, 2 failed', code: 1 });
});
