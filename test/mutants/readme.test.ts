/** What docs/testing.md says of the bank is what the bank holds. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { BANK } from '../../scripts/mutants/bank/index.js';
import { INSTRUMENTS } from '../../scripts/mutants/instruments.js';

const testing = readFileSync(new URL('../../docs/testing.md', import.meta.url), 'utf8');
const section = /^## The bank of known bugs\n(.*?)^## /ms.exec(testing)?.[1] ?? '';

it('states the right number of bugs', () => {
  const [, all, shipped, own] = /plants (\d+) bugs.*?: (\d+) that .*?and (\d+) of our own/s.exec(section) ?? [];
  const ofList = (letter: string): number => BANK.filter(({ id }) => id.startsWith(letter)).length;
  expect({ all: Number(all), shipped: Number(shipped), own: Number(own) }).toEqual({
    all: BANK.length,
    shipped: ofList('M'),
    own: ofList('K'),
  });
});

it('names the instruments, cheapest first', () => {
  const list = /until it is caught: (.*?)\n- /s.exec(section)?.[1] ?? '';
  expect([...list.matchAll(/`([a-z-]+)`\s+\(/g)].map((match) => match[1])).toEqual(INSTRUMENTS.map(({ name }) => name));
});
