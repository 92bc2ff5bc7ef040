/** The rows scan and expiry: what is put, what a complete stream is, and how they are judged. */
import { describe, expect, it } from 'vitest';
import { dataGoals } from '../../../scripts/bench/data-goals.js';
import { deadlinesIn, expiryResult } from '../../../scripts/bench/expiry.js';
import { batchesOf, LineCount, scanFault } from '../../../scripts/bench/scan.js';
import { hasMark } from '../../../scripts/bench/workload.js';

const goalOf = (start: string, measured: Omit<Parameters<typeof dataGoals>[0], 'rows'>) =>
  dataGoals({ rows: [], ...measured }).find(({ name }) => name.startsWith(start));

it.each([
  [0, 3_000, [1_000, 1_000, 1_000]],
  [2_000, 3_500, [1_000, 500]],
  [0, 7, [7]],
])('the keys from %i to %i are put once each, in batches of %o', (first, end, sizes) => {
  const parts = batchesOf(first, end, 16);
  const bodies = parts.flatMap(({ requests, mark }) =>
    requests.map(({ body }) => {
      const { ops } = JSON.parse(body ?? '') as { ops: { key: string; value: string }[] };
      expect(hasMark('"created":true,'.repeat(ops.length), mark)).toBe(true);
      expect(hasMark('"created":true,'.repeat(ops.length - 1), mark)).toBe(false);
      for (const { value } of ops) expect(value).toHaveLength(16);
      return ops.map(({ key }) => key);
    }),
  );
  expect(bodies.map(({ length }) => length)).toEqual(sizes);
  const keys = bodies.flat();
  expect(keys).toEqual([...new Set(keys)].toSorted());
  expect(keys[0]).toBe(`scan/${String(first).padStart(9, '0')}`);
  expect(keys).toHaveLength(end - first);
});

describe('a stream', () => {
  const end = '{"end":true,"count":3,"revisions":{}}';
  const whole = `{"key":"a"}\n{"key":"b"}\n{"key":"c"}\n${end}\n`;
  const read = (text: string, size: number): LineCount => {
    const lines = new LineCount();
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) lines.add(bytes.subarray(at, at + size));
    return lines;
  };

  it.each(Array.from({ length: whole.length }, (_, i) => i + 1))('is counted in chunks of %i bytes', (size) => {
    const lines = read(whole, size);
    expect({ count: lines.count, last: lines.last }).toEqual({ count: 4, last: end });
    expect(scanFault(lines, 3)).toBeUndefined();
  });

  it.each([
    [whole.slice(0, -20), 'broke off after 3 lines'],
    ['{"key":"a"}\n{"end":false,"code":"snapshot-expired","cursor":"x"}\n', 'ended early'],
    [whole.replace('{"key":"b"}\n', ''), 'has 2 keys and says 3'],
    [whole.replace('"count":3', '"count":2'), 'has 3 keys and says 2'],
    ['', 'broke off'],
  ])('that is not whole is refused: %j', (text, why) => {
    expect(scanFault(read(text, 7), 3)).toContain(why);
  });
});

it('a scan is judged by its ratio to SQLite', () => {
  const scan = { keys: 1, valueBytes: 1, sqlite: 1_000, rounds: { kvorum: [], sqlite: [] } };
  expect(goalOf('scan', { scan: { ...scan, kvorum: 200 } })).toMatchObject({ measured: 0.2, verdict: 'ok' });
  expect(goalOf('scan', { scan: { ...scan, kvorum: 199 } })).toMatchObject({ verdict: 'MISSED' });
  expect(goalOf('scan', {})).toMatchObject({ verdict: 'not measured', why: 'needs scan' });
});

describe('expiry', () => {
  const round = { goneAfterS: 1, p99BeforeMs: 10, p99ThenMs: 15, failures: 0 };

  it('is judged by its slowest round, and by the median of the ratios', () => {
    const rounds = [round, { ...round, goneAfterS: 2.1, p99ThenMs: 90 }, { ...round, p99BeforeMs: 7.5 }];
    const expiry = expiryResult(rounds);
    expect(goalOf('expiry: until', { expiry })).toMatchObject({ measured: 2.1, verdict: 'MISSED' });
    expect(goalOf('expiry: p99', { expiry })).toMatchObject({ measured: 2, verdict: 'ok' });
  });

  it('misses if requests failed', () => {
    const expiry = expiryResult([round, { ...round, failures: 2 }]);
    expect(goalOf('expiry: until', { expiry })).toMatchObject({ verdict: 'MISSED', why: '2 requests failed' });
    expect(goalOf('expiry: p99', { expiry })).toMatchObject({ verdict: 'MISSED', why: '2 requests failed' });
  });

  it('takes the deadlines from the answers, and refuses what was not put', () => {
    const put = { status: 201, created: true, expires_at: '2026-03-01T10:00:00.250Z' };
    const answer = (results: readonly object[]): string => JSON.stringify({ results });
    expect(deadlinesIn(200, answer([put, put]))).toEqual([Date.UTC(2026, 2, 1, 10, 0, 0, 250), 1772359200250]);
    expect(() => deadlinesIn(200, answer([put, { status: 503, code: 'no-leader' }]))).toThrow('no-leader');
    expect(() => deadlinesIn(429, '{"code":"overloaded"}')).toThrow('429: {"code":"overloaded"}');
  });
});
