/** The page of transactions as text; that it looks well is for eyes. */
import { describe, expect, it } from 'vitest';
import { checkTransactions, renderTransactionPage, type TransactionRecord } from '../../../src/check/index.js';

const EVIL = `</script><img src=x onerror="alert(1)">'&\u2028é`;
const txn = (client: string, ops: TransactionRecord['ops'], start: number, end: number): TransactionRecord => ({
  ...{ client, ops, ok: true, start, end },
});
const evil = [
  txn('<b>7', [['append', EVIL, EVIL]], 0, 10),
  txn('2', [['append', 'bystander', 1]], 0, 10),
  txn('3', [['r', EVIL, [EVIL]]], 20, 30),
  {
    ...txn(
      '4',
      [
        ['r', EVIL, []],
        ['append', 'z', 1],
      ],
      40,
      50,
    ),
    ok: null,
  },
  txn('5', [['r', 'z', [1]]], 60, 70),
];
const count = (text: string, what: RegExp): number => [...text.matchAll(what)].length;
const render = (history: readonly TransactionRecord[]): string =>
  renderTransactionPage(checkTransactions(history), { name: `a<b>${EVIL}.jsonl`, history });

describe('the page of an illegal history of transactions', () => {
  const page = render(evil);

  it('holds nothing of keys, elements, clients or names as markup, and nothing from elsewhere', () => {
    expect(page).toContain('class="verdict ILLEGAL"');
    expect(page).not.toContain('<img');
    expect(page).not.toContain('<b>7');
    expect(count(page, /<\/script>/g)).toBe(2);
    expect(count(page, /(?:src|href)\s*=\s*["']?https?:|@import|url\(/g)).toBe(0);
    expect(page).toContain("default-src 'none'");
  });
  it('draws the transactions of the cycle only, each edge with an arrow and a label, and says them in words', () => {
    expect(count(page, /class="bar[ "]/g)).toBe(2);
    expect(page).not.toContain('bystander');
    expect(page).toContain('class="lane-label" style="height:92px">client &lt;b&gt;7<');
    expect(count(page, /class="edge rw"/g)).toBe(1);
    expect(count(page, /class="edge time"/g)).toBe(1);
    expect(count(page, /class="edge-head /g)).toBe(2);
    expect(count(page, /class="edge-label"/g)).toBe(2);
    expect(page).toContain('G-single-realtime: stale read');
    expect(page).toContain('<li><b>real time</b> T1 had ended when T4 started, 30 later</li>');
  });
  it('has a tip and a row for each', () => {
    const tips = JSON.parse(/id="operations">(.*?)<\/script>/s.exec(page)![1]!) as Record<string, { what: string }[]>;
    expect(tips['all']!.map(({ what }) => what.slice(0, 2))).toEqual(['T4', 'T1']);
    expect(count(page, /<tr><td>T\d/g)).toBe(2);
  });
});

describe('the page of a history that is strictly serializable', () => {
  it('draws its beginning, without edges', () => {
    const page = render(Array.from({ length: 100 }, (_, i) => txn('1', [['append', 'x', i]], 10 * i, 10 * i + 5)));
    expect(page).toContain('class="verdict STRICTLY SERIALIZABLE"');
    expect(count(page, /class="bar[ "]/g)).toBe(60);
    expect(count(page, /class="edge /g)).toBe(0);
    expect(page).toContain('60 of 100 transactions are drawn.');
  });
});
