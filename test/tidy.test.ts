/**
 * The rules for the source tree, checked on the repository as it is, and each rule on a planted violation.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  arrows,
  fileBudget,
  functionBudget,
  hiddenTests,
  lockedHosts,
  machinePaths,
  pinnedPackages,
  purity,
  reachability,
  sleeps,
} from './support/tidy/rules.js';
import { show, type SourceFile, type Violation } from './support/tidy/source.js';

/** Files over 400 lines, with the lines that they may have. This list may only shrink. */
const LONG_FILES: Readonly<Record<string, number>> = {};
/** Where the program is entered. Workers are found by the `new URL('./x.js', import.meta.url)` that starts them. */
const ENTRIES = ['src/index.ts', 'src/cli.ts'];

const root = fileURLToPath(new URL('..', import.meta.url));
const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', '.git', '.kvorum']);

function* under(folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = posix.join(folder, entry.name);
    if (NOT_OURS.has(entry.name)) continue;
    if (entry.isDirectory()) yield* under(path);
    else if (entry.isFile()) yield path;
  }
}

const read = (path: string): SourceFile => ({ path, text: readFileSync(join(root, path), 'utf8') });
const all = [...under('.')].map((path) => path.replace(/^\.\//, ''));
const code = all.filter((path) => /^(?:src|test|scripts)\/.*\.ts$/.test(path)).map(read);
const texts = all
  .filter((path) => /\.(?:ts|js|json|md|txt|yml|sh)$|^\.ci\/|^\.[^/]*rc/.test(path) && path !== 'package-lock.json')
  .map(read);
const within = (folder: string) => code.filter(({ path }) => path.startsWith(`${folder}/`));

const holds = (violations: readonly Violation[]) => {
  expect(violations.map(show)).toEqual([]);
};

describe('the repository', () => {
  it('has something to look at', () => {
    expect(code.length).toBeGreaterThan(20);
  });
  it('keeps its arrows: router → shard → raft, through index.ts', () => {
    holds(arrows(within('src')));
  });
  it('keeps the core of raft pure', () => {
    holds(purity(code));
  });
  it('keeps files short', () => {
    holds(fileBudget(code, LONG_FILES));
  });
  it('keeps functions short', () => {
    holds(functionBudget([...within('src'), ...within('scripts')]));
  });
  it('has no file that nothing needs', () => {
    holds(reachability(within('src'), ENTRIES));
  });
  it('names no path of one machine', () => {
    holds(machinePaths(texts));
  });
  it('locks against the public registry', () => {
    holds(lockedHosts(readFileSync(join(root, 'package-lock.json'), 'utf8')));
  });
  it('row 42: depends on exact versions', () => {
    holds(pinnedPackages(readFileSync(join(root, 'package.json'), 'utf8')));
  });
  it('hides no test', () => {
    holds(hiddenTests(within('test')));
  });
  it('does not sleep in tests of the core and the shards', () => {
    holds(sleeps([...within('test/raft'), ...within('test/shard')]));
  });
});

const planted = (path: string, text: string): SourceFile[] => [{ path, text }];

describe('each rule notices', () => {
  it.each([
    ['src/raft/log.ts', '../shard/index.js', 'imports the room shard'],
    ['src/shard/node.ts', '../router/index.js', 'imports the room router'],
    ['src/router/app.ts', '../raft/index.js', 'imports the room raft'],
    ['src/router/app.ts', '../shard/node.js', 'past its index.ts'],
    ['src/cli/run.ts', '../shard/node.js', 'past its index.ts'],
    ['src/main.ts', './raft/storage/sqlite.js', 'past its index.ts'],
    ['src/shard/node.ts', '../main.js', 'imports src/main.ts'],
    ['src/version.ts', './shard/index.js', 'imports the room shard'],
    ['src/raft/core.ts', './storage/storage.js', 'imports src/raft/storage/storage.ts'],
    ['src/attic/old.ts', './older.js', 'a room without arrows'],
    ['src/shard/keys/hash.ts', '../machine/index.js', 'imports the room shard/machine'],
    ['src/shard/machine/command.ts', '../keys/hash.js', 'past its index.ts'],
    ['src/shard/errors.ts', './keys/index.js', 'imports the room shard/keys'],
    ['src/shard/node/node.ts', '../index.js', 'imports src/shard/index.ts'],
    ['src/router/http/body.ts', '../kv/index.js', 'imports the room router/kv'],
    ['src/router/http/body.ts', '../../raft/index.js', 'imports the room raft'],
    ['src/shard/attic/old.ts', '../errors.js', 'a room without arrows'],
  ])('the arrow %s → %s', (path, specifier, complaint) => {
    for (const text of [
      `import { x } from '${specifier}';`,
      `export * from '${specifier}';`,
      `type T = import('${specifier}').T;`,
    ]) {
      const [violation] = arrows(planted(path, text));
      expect(violation?.what).toContain(complaint);
      expect(violation?.instead).not.toBe('');
    }
  });

  it.each([
    ['src/shard/node.ts', '../raft/index.js'],
    ['src/shard/node.ts', './group.js'],
    ['src/shard/node/node.ts', './replica.js'],
    ['src/shard/node/node.ts', '../machine/index.js'],
    ['src/shard/node/node.ts', '../errors.js'],
    ['src/shard/node/node.ts', '../../raft/index.js'],
    ['src/shard/index.ts', './keys/index.js'],
    ['src/raft/index.ts', './storage/storage.js'],
    ['src/raft/storage/sqlite.ts', '../types.js'],
    ['src/main.ts', './shard/index.js'],
    ['src/cli/run.ts', '../main.js'],
    ['src/router/app.ts', '../version.js'],
    ['src/router/app.ts', 'express'],
  ])('but not the arrow %s → %s', (path, specifier) => {
    expect(arrows(planted(path, `import { x } from '${specifier}';`))).toEqual([]);
  });

  it.each([
    [`import { x } from 'node:fs';`, 'imports node:fs'],
    [`import { x } from 'uuid';`, 'imports uuid'],
    ['const t = Date.now();', 'uses Date'],
    ['setTimeout(f, 1);', 'uses setTimeout'],
    ['const r = Math.random();', 'uses Math.random'],
    ['const f = async () => 1;', 'is async'],
    ['await g();', 'awaits'],
    ['let p: Promise<void>;', 'uses Promise'],
    ['const now = performance.now();', 'uses performance'],
  ])('impurity in the core: %s', (text, complaint) => {
    expect(purity(planted('src/raft/core.ts', text)).map(({ what }) => what)).toContain(complaint);
    expect(purity(planted('src/raft/storage/worker.ts', text))).toEqual([]);
    expect(purity(planted('src/shard/node.ts', text))).toEqual([]);
  });

  it('but not a field that is called like a clock, nor a comment', () => {
    expect(purity(planted('src/raft/core.ts', '// Date.now()\nconst a = { Date: 1 }; a.Date;'))).toEqual([]);
  });

  it('a long file, an exception that is no longer needed, and one for a file that is gone', () => {
    const lines = (n: number) => planted('src/shard/a.ts', 'x;\n'.repeat(n));
    expect(fileBudget(lines(400), {})).toEqual([]);
    expect(fileBudget(lines(401), {})[0]?.what).toBe('has 401 lines; 400 are allowed');
    expect(fileBudget(lines(450), { 'src/shard/a.ts': 450 })).toEqual([]);
    expect(fileBudget(lines(451), { 'src/shard/a.ts': 450 })).toHaveLength(1);
    expect(fileBudget(lines(300), { 'src/shard/a.ts': 450 })[0]?.instead).toContain('off the list');
    expect(fileBudget([], { 'src/shard/a.ts': 450 })[0]?.what).toBe('does not exist');
  });

  it('a long function', () => {
    const ofLines = (n: number) => planted('src/shard/a.ts', `function f() {\n${'x;\n'.repeat(n - 2)}}\n`);
    expect(functionBudget(ofLines(60))).toEqual([]);
    expect(functionBudget(ofLines(61))[0]?.what).toBe('a function has 61 lines');
  });

  it('a file that nothing needs, but not a worker', () => {
    const files = [
      { path: 'src/index.ts', text: `export * from './a.js'; new Worker(new URL('./worker.js', import.meta.url));` },
      { path: 'src/a.ts', text: `const b = await import('./b.js');` },
      { path: 'src/b.ts', text: '' },
      { path: 'src/worker.ts', text: '' },
      { path: 'src/lost.ts', text: `import './a.js';` },
    ];
    expect(reachability(files, ['src/index.ts']).map(({ path }) => path)).toEqual(['src/lost.ts']);
  });

  it.each(['root', 'home', 'work', 'Users'])('a path under /%s', (top) => {
    const path = ['', top, 'someone', 'x'].join('/');
    expect(machinePaths(planted('README.md', `see ${path}`))).toHaveLength(1);
    expect(machinePaths(planted('README.md', `see \`${path}\``))).toHaveLength(1);
    expect(machinePaths(planted('README.md', `GET /v1${path} and .${path}`))).toEqual([]);
  });

  it('a lock on a private mirror', () => {
    expect(lockedHosts('"resolved": "https://registry.npmjs.org/a/-/a-1.tgz"')).toEqual([]);
    expect(lockedHosts('"resolved": "http://mirror.local/a-1.tgz"')).toHaveLength(1);
  });

  it.each(['^1.0.0', '~1.0.0', '1.x', 'latest', 'github:a/b', '>=1.0.0'])('a version that may move: %s', (version) => {
    expect(pinnedPackages(JSON.stringify({ dependencies: { a: '1.0.0', b: version } }))[0]?.what).toContain('leaves b');
  });

  it.each(['skip', 'only', 'todo', 'skipIf', 'fails'])('a test hidden by %s', (word) => {
    for (const text of [`it.${word}('x');`, `describe.concurrent.${word}('x');`, `test.${word}(true)('x');`]) {
      expect(hiddenTests(planted('test/a.test.ts', text))).not.toEqual([]);
    }
    expect(hiddenTests(planted('test/a.test.ts', `reader.${word}(1);`))).toEqual([]);
  });

  it.each([`setTimeout(f, 5);`, `await sleep(5);`, `import { x } from 'node:timers/promises';`])(
    'sleeping: %s',
    (text) => {
      expect(sleeps(planted('test/shard/a.test.ts', text))).toHaveLength(1);
    },
  );
});
