/** The page as text; that it looks well is for eyes. */
import { describe, expect, it } from 'vitest';
import { checkHistory, formatReport, picture, renderPage, reportJson, type Operation } from '../../src/check/index.js';
import { correctHistory } from '../support/histories.js';

const EVIL = `</script><img src=x onerror="alert(1)">'&\u2028é`;
const evil: Operation[] = [
  { client: '<b>7', op: 'put', key: EVIL, value: EVIL, ok: true, start: 0, end: 10 },
  { client: 1, op: 'put', key: EVIL, value: 'two', ok: true, start: 20, end: 30 },
  { client: 2, op: 'put', key: EVIL, value: 'lost', ok: null, start: 21, end: 22 },
  { client: 3, op: 'get', key: EVIL, result: EVIL, ok: true, start: 40, end: 50 },
];

const count = (text: string, what: RegExp) => [...text.matchAll(what)].length;
const section = (page: string, id: string) =>
  new RegExp(`<section class="view-${id}".*?</section>`, 's').exec(page)?.[0] ?? '';
type Tips = Record<string, { what: string; facts: [string, string, boolean][] }[]>;
const tipsOf = (page: string) => JSON.parse(/id="operations">(.*?)<\/script>/s.exec(page)![1]!) as Tips;

describe('the page of an illegal history', () => {
  const page = renderPage(checkHistory(evil), { name: `a<b>${EVIL}.jsonl` });

  it('escapes keys, values, clients and names, and loads nothing from elsewhere', () => {
    expect(page).not.toContain('<img');
    expect(page).not.toContain('<b>');
    expect(count(page, /<\/script>/g)).toBe(2);
    expect(count(page, /(?:src|href)\s*=\s*["']?https?:|@import|url\(/g)).toBe(0);
    expect(page).toContain("default-src 'none'");
    expect(tipsOf(page)['all']![0]!.what).toContain('</script><img');
  });

  it('has a lane per client and a bar per operation, of the window and of the whole key', () => {
    const all = section(page, 'all');
    for (const label of ['client &lt;b&gt;7', 'client 1', 'client 2', 'client 3'])
      expect(all).toContain(`>${label}</div>`);
    expect(count(all, /<g class="bar /g)).toBe(4);
    expect(count(section(page, 'window'), /<g class="bar /g)).toBe(3);
    expect(count(all, /<g class="bar put unknown unplaced"/g)).toBe(1);
  });

  it('marks the offending operation, numbers the others, and shows the values before and after', () => {
    const all = section(page, 'all');
    expect(count(all, /<g class="bar get unplaced wrong" data-i="3"/g)).toBe(1);
    expect([...all.matchAll(/class="pin-label"[^>]*>(\d+)</g)].map((match) => match[1])).toEqual(['1', '2']);
    const [first, second, lost, wrong] = tipsOf(page)['all']!.map(({ facts }) =>
      Object.fromEntries(facts.map(([name, text]) => [name, text])),
    );
    expect(first).toMatchObject({ client: '<b>7', order: '1 of 2', before: 'absent', after: JSON.stringify(EVIL) });
    expect(second).toMatchObject({ order: '2 of 2', before: JSON.stringify(EVIL), after: '"two"' });
    expect(lost?.['order']).toBe('none: unknown, and not needed');
    expect(wrong?.['order']).toContain('cannot be placed: it read');
  });

  it('puts every pin between the start and the end of its operation, in rising order', () => {
    const history = correctHistory({ seed: 3, operations: 200, keys: 1, clients: 8, mix: { put: 1, get: 2, cas: 1 } });
    const result = checkHistory(history);
    const legal = section(renderPage(result, { name: 'x', picture: picture(history, null)! }), 'all');
    const bars = [
      ...legal.matchAll(
        /<rect class="body" x="([\d.]+)" y="[\d.]+" width="([\d.]+)".*?class="pin" x="([\d.]+)" y="[\d.]+" width="([\d.]+)".*?class="pin-label"[^>]*>(\d+)</g,
      ),
    ].map((match) => match.slice(1).map(Number) as [number, number, number, number, number]);
    expect(bars).toHaveLength(200);
    for (const [x, width, pin, pinWidth] of bars) {
      expect(pin + pinWidth / 2).toBeGreaterThanOrEqual(x - 0.2);
      expect(pin + pinWidth / 2).toBeLessThanOrEqual(x + width + 0.2);
    }
    const inOrder = bars.sort((a, b) => a[4] - b[4]).map(([, , pin, width]) => pin + width / 2);
    for (let i = 1; i < inOrder.length; i++) expect(inOrder[i]).toBeGreaterThanOrEqual(inOrder[i - 1]! - 0.2);
  });
});

describe('the page of other verdicts', () => {
  it('says so when the time limit was reached', () => {
    const page = renderPage(checkHistory(evil, { steps: 0 }), { name: 'x' });
    expect(page).toContain('class="verdict UNKNOWN"');
    expect(page).not.toContain('<svg');
  });
});

describe('the report', () => {
  it('begins with the verdict, and shows the window', () => {
    const text = formatReport({ ...checkHistory(evil.map((one) => ({ ...one, key: 'k', client: 1 }))), tookMs: 12 });
    expect(text.split('\n')[0]).toBe('ILLEGAL  4 operations, 1 key, 1 client, concurrency 1, 1 unknown, 12 ms');
    expect(text).toContain('key        "k"\n');
    expect(text).toMatch(/\n {6}2 {7}1 {5}\+0 {2}\+10 {2}put "two"\n/);
    expect(text).toMatch(/\n {6}✗ {7}1 {4}\+20 {2}\+30 {2}get: /);
  });

  it('names the keys without a verdict', () => {
    const histories = ['a', 'b', 'c', 'd', 'e', 'f'].map((key): Operation => ({ ...evil[0]!, key }));
    expect(formatReport(checkHistory(histories, { steps: 0 }))).toContain(
      'no verdict in time on 6 keys: "a", "b", "c", "d", "e", and 1 more',
    );
  });

  it('is one JSON value, with operations as in the history', () => {
    const json = JSON.parse(JSON.stringify(reportJson(checkHistory(evil)))) as Record<string, unknown>;
    expect(json).toMatchObject({
      ...{ verdict: 'ILLEGAL', operations: 4, keys: 1, clients: 4, concurrency: 1, unknown: 1, undecided: [] },
      failure: { key: EVIL, first: true, placed: 2, operation: { client: 3, op: 'get', result: EVIL, start: 40 } },
    });
    const { window } = json['failure'] as { window: { operations: { place: number | null; after?: string }[] } };
    expect(window.operations.map(({ place, after }) => [place, after])).toEqual([
      [2, 'two'],
      [null, undefined],
      [null, undefined],
    ]);
    expect(reportJson(checkHistory(evil.slice(0, 3)))).toMatchObject({ verdict: 'LINEARIZABLE', failure: null });
  });
});

describe('times', () => {
  it.each([
    ['fractions', 0.25],
    ['bigints', 2n ** 70n],
  ])('may be %s', (_, from) => {
    const at = (offset: number) => (typeof from === 'bigint' ? from + BigInt(offset) : from + offset);
    const moved = evil.map((one) => ({ ...one, start: at(Number(one.start)), end: at(Number(one.end)) }));
    const result = checkHistory(moved);
    expect(formatReport(result)).toContain('+20  +30  get: ');
    expect(section(renderPage(result, { name: 'x' }), 'all')).toBe(
      section(renderPage(checkHistory(evil), { name: 'x' }), 'all'),
    );
  });
});
