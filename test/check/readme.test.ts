/** The examples of the checkers in docs/testing.md, run. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/index.js';
import { consoleBlocks, difference } from '../support/transcript.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'kvorum-readme-'));
afterEach(() => {
  vi.restoreAllMocks();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it.each(['The checker', 'Transactions'])('docs/testing.md, %s, says what happens', async (heading) => {
  const blocks = consoleBlocks(readFileSync(join(root, 'docs/testing.md'), 'utf8'));
  const steps = blocks.filter(({ headings }) => headings.includes(heading)).flatMap((block) => block.steps);
  expect(steps).toHaveLength(1);
  const [, options = '', file, page] =
    /^npx kvorum check (--model \S+ )?(\S+) --html (\S+)$/.exec(steps[0]!.command) ?? [];
  let out = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const argv = [...options.split(' ').filter(Boolean), join(root, file!), '--html', join(folder, page!)];
  expect(await run(['check', ...argv], 'cli.js')).toBe(1);
  expect(difference(steps[0]!.expected, out.split('\n'))).toBeUndefined();
  expect(readFileSync(join(folder, page!), 'utf8')).toContain('class="verdict ILLEGAL"');
});
