/** The command line of the bank, and what documents say of it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseOptions, type Options } from '../../scripts/mutants/options.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

let err: string;
beforeEach(() => {
  err = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const asked = (...argv: string[]): Options => {
  const options = parseOptions(argv);
  if (typeof options === 'number') throw new Error(err);
  return options;
};
const ids = (only: string) => asked('--only', only).only?.map(({ id }) => id);

describe('npm run mutants', () => {
  it('takes each mutant and each instrument once, however often it is named', () => {
    expect(ids('k8,M1, M1,K8')).toEqual(['K8', 'M1']);
    expect(asked('--with', 'sim,core,sim').with).toEqual(['sim', 'core']);
  });

  it.each([
    [['--only', 'M1,Q9'], "There is no mutant 'Q9'; --list shows all of them."],
    [['--only='], "There is no mutant ''"],
    [['--with', 'eyes'], "There is no instrument 'eyes'; there are core, nodes,"],
    [['--seeds', '1e3'], 'It must be a whole number from 1 to 1000000.'],
    [['--seeds', '0'], 'It must be a whole number'],
    [['--seeds', ''], 'It must be a whole number'],
    [['--jobs', '0x2'], 'It must be a whole number from 1 to 64.'],
    [['M1'], 'too many arguments'],
  ])('refuses %j: %s', (argv, complaint) => {
    expect(parseOptions(argv)).toBe(2);
    expect(err).toContain(complaint);
  });
});

describe('an example of --only', () => {
  const texts = [
    ...readdirSync(root).filter((name) => name.endsWith('.md')),
    ...readdirSync(join(root, 'docs'))
      .map((name) => join('docs', name))
      .filter((name) => name.endsWith('.md')),
    ...readdirSync(join(root, 'scripts'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join('scripts', name)),
  ];
  const examples = texts.flatMap((path) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(/--only ([A-Z]\d+(?:,\s*[A-Z]\d+)*)/g)].map(
      (match) => [path, match[1] ?? ''] as const,
    ),
  );

  it('is there', () => {
    expect(examples.filter(([path]) => path === join('docs', 'testing.md')).length).toBeGreaterThanOrEqual(2);
  });

  it.each(examples)('in %s names mutants of the bank: %s', (_, only) => {
    expect(ids(only)).toEqual(only.split(','));
  });
});
