import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/index.js';

let out: string;
let err: string;
let folder: string;
beforeEach(() => {
  out = '';
  err = '';
  folder = mkdtempSync(join(tmpdir(), 'kvorum-check-'));
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const GET = '{"client":1,"op":"get","key":"k","ok":true,"result":"a","start":5,"end":6}\n';
const PUT = '{"client":0,"op":"put","key":"k","value":"a","ok":true,"start":1,"end":2}\n';

function file(content: string): string {
  const path = join(folder, 'history.jsonl');
  writeFileSync(path, content);
  return path;
}
const check = (...argv: string[]) => run(['check', ...argv], 'cli.js');

describe('kvorum check', () => {
  it('says LINEARIZABLE and ends with 0', async () => {
    expect(await check(file(PUT + GET))).toBe(0);
    expect(out).toMatch(/^LINEARIZABLE {2}2 operations, 1 key, 2 clients, concurrency 1, 0 unknown, \d+ ms\n$/);
  });
  it('says ILLEGAL and ends with 1; --init can make it legal', async () => {
    expect(await check(file(GET))).toBe(1);
    expect(out).toMatch(/^ILLEGAL {2}1 operation, /);
    expect(await check(file(GET), '--init', 'a')).toBe(0);
  });
  it('says ILLEGAL where a key went before its time to live, less --ttl-tolerance', async () => {
    const put = PUT.replace('"end":2', '"end":2,"ttl":6');
    const get = GET.replace('"a"', 'null');
    expect(await check(file(put + get))).toBe(1);
    expect(await check(file(put + get), '--ttl-tolerance', '10%')).toBe(0);
    expect(await check(file(put + get), '--ttl-tolerance', '101%')).toBe(3);
    expect(err).toContain('It must be a percentage from 0% to 100%, like 10%.');
  });
  it('says UNKNOWN and ends with 2', async () => {
    // Not linearizable, and too large a search for a microsecond.
    const puts = Array.from({ length: 16 }, (_, i) =>
      PUT.replace('"client":0', `"client":${i}`).replace('"a"', `"${i}"`),
    );
    const gets = ['1', '2', '1'].map((value, i) =>
      GET.replace('"a"', `"${value}"`).replace('5,"end":6', `${5 + 2 * i},"end":${6 + 2 * i}`),
    );
    expect(await check(file([...puts, ...gets].join('')), '--timeout', '0.000001ms')).toBe(2);
    expect(out).toMatch(/^UNKNOWN /);
    expect(out).toContain('no verdict in time on 1 key: "k"');
  });
  it('prints one JSON document', async () => {
    expect(await check(file(GET), '--json')).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ verdict: 'ILLEGAL', operations: 1, failure: { key: 'k' } });
  });
  it('writes a page, of an illegal and of a legal history', async () => {
    const html = join(folder, 'out.html');
    expect(await check(file(GET), '--html', html)).toBe(1);
    expect(readFileSync(html, 'utf8')).toContain('class="verdict ILLEGAL"');
    expect(await check(file(PUT + GET), '--html', html)).toBe(0);
    expect(readFileSync(html, 'utf8')).toContain('class="verdict LINEARIZABLE"');
  });

  it.each([
    ['a bad line', () => [file(`${PUT}{"op":"get"}\n`)], 'history.jsonl: line 2: "ok" must be'],
    ['an empty file', () => [file('')], 'history.jsonl: there is no operation in it'],
    ['a missing file', () => [join(folder, 'absent')], 'ENOENT'],
    ['a folder', () => [folder], 'EISDIR'],
    [
      'a page in no folder',
      () => [file(GET), '--html', join(folder, 'no', 'out.html')],
      'out.html: no page can be written there: ENOENT',
    ],
    ['a page that is a folder', () => [file(GET), '--html', folder], 'no page can be written there: it is a folder'],
    ['a page below a file', () => [file(GET), '--html', join(file(GET), 'out.html')], 'kvorum: --html'],
    ['a page without a name', () => [file(GET), '--html='], "argument '' is invalid. It must be the name of a file."],
    ['no file', () => [], "missing required argument 'file'"],
    ['two files', () => [file(GET), 'other'], 'too many arguments'],
    ['an unknown option', () => [file(GET), '--fast'], "unknown option '--fast'"],
    [
      'a timeout without unit',
      () => [file(GET), '--timeout', '60'],
      "option '--timeout <duration>' argument '60' is invalid. It must be a number with a unit",
    ],
    ['a timeout of nothing', () => [file(GET), '--timeout', '0s'], "argument '0s' is invalid"],
    ['a timeout of weeks', () => [file(GET), '--timeout', '99999m'], 'at most 24 hours'],
  ])('ends with 3 and a message about %s', async (_, argv, complaint) => {
    expect(await check(...argv())).toBe(3);
    expect(err).toContain(complaint);
    expect(out).toBe('');
  });

  it('never writes the page over the history, under whatever name', async () => {
    const history = file(GET);
    const names = ['hard.html', 'soft.html', join('sub', '..', 'history.jsonl')].map((name) => join(folder, name));
    mkdirSync(join(folder, 'sub'));
    linkSync(history, names[0]!);
    symlinkSync(history, names[1]!);
    for (const html of [history, ...names]) {
      err = '';
      expect(await check(history, '--html', html)).toBe(3);
      expect(err).toContain(`kvorum: --html ${html}: that is the history itself`);
    }
    expect(out).toBe('');
    expect(readFileSync(history, 'utf8')).toBe(GET);
  });

  it('has printed the verdict when the page cannot be written after all, and exits with 3', async () => {
    const sub = join(folder, 'sub');
    mkdirSync(sub);
    const history = file(GET);
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += String(text);
      rmSync(sub, { recursive: true });
      return true;
    });
    expect(await check(history, '--html', join(sub, 'out.html'))).toBe(3);
    expect(out).toMatch(/^ILLEGAL /);
    expect(err).toMatch(/^kvorum: --html \S+out\.html: the page was not written: ENOENT/);
  });

  it('documents its exit codes', async () => {
    expect(await check('--help')).toBe(0);
    expect(out).toContain('Exit codes: 0 LINEARIZABLE or STRICTLY SERIALIZABLE, 1 ILLEGAL, 2 UNKNOWN');
  });
});

describe('kvorum check --model list-append', () => {
  const WRITER = '{"client":0,"ops":[["append","x",1],["append","y",1]],"ok":true,"start":1,"end":9}\n';
  const reader = (y: string): string =>
    `{"client":1,"ops":[["r","x",[1]],["r","y",${y}]],"ok":true,"start":2,"end":8}\n`;
  const checkLists = (...argv: string[]) => check('--model', 'list-append', ...argv);

  it('says STRICTLY SERIALIZABLE and ends with 0', async () => {
    expect(await checkLists(file(WRITER + reader('[1]')))).toBe(0);
    expect(out).toMatch(
      /^STRICTLY SERIALIZABLE {2}2 transactions, 2 keys, 2 clients, concurrency 2, 0 unknown, \d+ ms\n$/,
    );
  });
  it('says ILLEGAL with the anomaly and a cycle in words, and ends with 1', async () => {
    expect(await checkLists(file(WRITER + reader('[]')))).toBe(1);
    expect(out).toMatch(/^ILLEGAL {2}2 transactions, /);
    for (const line of [
      /^anomaly {4}G-single: /m,
      /^cycle {6}T2 → T1 → T2$/m,
      /^ {7}rw {2}T2 read "y" as \[\], without 1, which T1 appended$/m,
      /^ {7}wr {2}T1 appended 1 to "x", which T2 read$/m,
    ])
      expect(out).toMatch(line);
  });
  it('says UNKNOWN and ends with 2', async () => {
    expect(await checkLists(file(WRITER), '--timeout', '0.000001ms')).toBe(2);
    expect(out).toMatch(/^UNKNOWN .*\n\nno verdict in time\n$/);
  });
  it('prints one JSON document', async () => {
    expect(await checkLists(file(WRITER + reader('[]')), '--json')).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      verdict: 'ILLEGAL',
      transactions: 2,
      failure: {
        anomaly: 'G-single',
        cycle: [
          { from: 'T2', to: 'T1', kind: 'rw', key: 'y', element: 1 },
          { from: 'T1', to: 'T2', kind: 'wr', key: 'x', element: 1 },
        ],
        transactions: [{ name: 'T2', client: 1, start: 2 }, { name: 'T1' }],
      },
      others: [],
    });
  });
  it('writes a page, of an illegal and of a legal history', async () => {
    const html = join(folder, 'out.html');
    expect(await checkLists(file(WRITER + reader('[]')), '--html', html)).toBe(1);
    expect(readFileSync(html, 'utf8')).toContain('class="verdict ILLEGAL"');
    expect(await checkLists(file(WRITER), '--html', html)).toBe(0);
    expect(readFileSync(html, 'utf8')).toContain('class="verdict STRICTLY SERIALIZABLE"');
  });
  it.each([
    ['an operation', PUT, [], 'history.jsonl: line 1: "ops" must be a list'],
    ['an element that is appended twice', WRITER + WRITER, [], 'history.jsonl: T1 and T2 both append 1 to "x"'],
    ['an initial value', WRITER, ['--init', 'a'], '--init is for --model register'],
    ['another model', WRITER, ['--model', 'queue'], 'Allowed choices are register, list-append'],
  ])('ends with 3 on %s', async (_, content, argv, complaint) => {
    expect(await checkLists(file(content), ...argv)).toBe(3);
    expect(err).toContain(complaint);
    expect(out).toBe('');
  });
});
