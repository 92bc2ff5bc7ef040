/** The lists in docs: every number that tests use is in its list, and every test that a list names uses the number. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BANK } from '../../scripts/mutants/bank/index.js';
import { HTTP_CODES, httpStatusOf, type ProblemCode } from '../../src/router/http/problems.js';
import { ERRORS, type ErrorCode } from '../../src/shard/index.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const text = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Row {
  readonly id: string;
  readonly cells: readonly string[];
  /** Below `test/`. */
  readonly files: readonly string[];
}

/** Rows of the tables of a document whose first cell is an id. */
function rowsOf(document: string, id: RegExp): Row[] {
  return text(document)
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(([, first = '']) => id.test(first))
    .map(([, first = '', ...cells]) => {
      const files = [...(cells.at(-2) ?? '').matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);
      return { id: first, cells, files };
    });
}

const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => /\.(?:ts|txt)$/.test(path) && !path.startsWith('docs/'));
const sorted = (ids: Iterable<string>): string[] => [...new Set(ids)].sort();

/** Numbers that match in the files below `test/`: the first group of `pattern`. */
function usedIn(files: readonly string[], pattern: RegExp): string[] {
  return sorted(files.flatMap((path) => [...text(posix.join('test', path)).matchAll(pattern)].map(([, n = '']) => n)));
}

describe.each([
  { document: 'docs/scenarios.md', id: /^s\d+$/, among: /^(?:raft|shard|sim)\//, use: /\b(s\d+)\b/g },
  // "row 7 is missing" is a row of the journal.
  {
    document: 'docs/bad-inputs.md',
    id: /^\d+$/,
    among: /\.test\.ts$/,
    use: /(?:['`(]|and )row (\d+)(?=[ :)])(?! is)/g,
  },
])('$document', ({ document, id, among, use }) => {
  const rows = rowsOf(document, id);

  it('numbers its rows from 1 on, without a gap', () => {
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.map((row) => Number(row.id.replace('s', '')))).toEqual(rows.map((_, at) => at + 1));
  });

  it('has every number that tests use, with a test; what has no test, none uses', () => {
    const tested = rows.filter(({ files }) => files.length > 0);
    const used = usedIn(
      tests.filter((path) => among.test(path)),
      use,
    );
    expect(sorted(tested.map((row) => row.id))).toEqual(used);
  });

  it.each(rows.filter(({ files }) => files.length > 0))('$id names tests that carry its number', (row) => {
    for (const file of row.files) {
      expect(existsSync(join(root, 'test', file)), `test/${file}`).toBe(true);
      expect(usedIn([file], use), `test/${file}`).toContain(row.id);
    }
  });
});

it('comments in the source refer to scenarios that are in the list', () => {
  const known = rowsOf('docs/scenarios.md', /^s\d+$/).map((row) => row.id);
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => text(join('src', path)));
  const comments = sources.flatMap((source) => [...source.matchAll(/[(, ](s\d+)(?=[),:])/g)].map(([, n = '']) => n));
  expect(comments.length).toBeGreaterThan(50);
  expect(sorted(comments).filter((n) => !known.includes(n))).toEqual([]);
});

it('docs/known-bugs.md has the bugs of the bank, their titles, and what catches each', () => {
  const rows = rowsOf('docs/known-bugs.md', /^[MK]\d+$/);
  const planted = rows.filter(({ cells }) => cells[1]?.startsWith('not planted') !== true);
  const listed = planted.map(({ id, cells }) => `${id}: ${cells.slice(0, 2).join(': ')}`);
  expect(listed.sort()).toEqual(
    BANK.map(({ id, title, caughtBy }) => `${id}: ${title}: ${caughtBy.join(', ')}`).sort(),
  );
});

const outcomeOf = (code: ProblemCode): string => (code in ERRORS ? ERRORS[code as ErrorCode].outcome : 'not_applied');

it('README lists the error codes, with the status and the outcome that each has', () => {
  const rows = rowsOf('README.md', /^\d{3}$/);
  const listed = rows.flatMap(({ id, cells }) =>
    [...(cells[0] ?? '').matchAll(/`([a-z-]+)`/g)].map(
      ([, code = '']) => [code, Number(id), /^`(\w+)`/.exec(cells[1] ?? '')?.[1]] as const,
    ),
  );
  const codes = [...Object.keys(ERRORS), ...Object.keys(HTTP_CODES)] as ProblemCode[];
  const all = codes.map((code) => [code, httpStatusOf(code), outcomeOf(code)] as const);
  expect(listed.map(String).sort()).toEqual(all.map(String).sort());
});
