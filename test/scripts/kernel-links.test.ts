/** Cuts between network namespaces: what is passed to the kernel, and what is shown. No namespace is made. */
import { beforeEach, describe, expect, it } from 'vitest';
import { KernelLinks } from '../../scripts/netns/links.js';
import { FaultRefused, type Party } from '../../src/faults/index.js';

let changes: string[] = [];
let links: KernelLinks;
const dropper = {
  setDropped(at: Party, sources: ReadonlyMap<Party, boolean>) {
    for (const [source, drop] of sources) changes.push(`${at} ${drop ? 'drops' : 'accepts'} ${source}`);
  },
};
const since = (): string[] => changes.splice(0).sort();
const both = (a: Party, b: Party) => [
  { from: a, to: b },
  { from: b, to: a },
];
const shown = (): string[] =>
  links
    .views()
    .map(({ from, to }) => `${from}>${to}`)
    .sort();

beforeEach(() => {
  changes = [];
  links = new KernelLinks(dropper);
});

describe('links in the kernel', () => {
  it('cut one way at the receiver', () => {
    links.addCuts([{ from: 1, to: 2 }]);
    expect(since()).toEqual(['2 drops 1']);
    expect(links.views()).toEqual([{ from: 1, to: 2, cut: true, delayMs: 0, dropPercent: 0, kbitPerSecond: 0 }]);
  });

  it('pass only changes to the kernel', () => {
    links.addCuts(both(1, 2));
    links.addCuts([...both(1, 2), ...both('r1', 3)]);
    expect(since()).toEqual(['1 drops 2', '2 drops 1', '3 drops r1', 'r1 drops 3']);
    links.replaceCuts([
      { from: 1, to: 2 },
      { from: 3, to: 1 },
    ]);
    expect(since()).toEqual(['1 accepts 2', '1 drops 3', '3 accepts r1', 'r1 accepts 3']);
    expect(shown()).toEqual(['1>2', '3>1']);
  });

  it('are all whole after a heal, and then there is nothing to heal', () => {
    links.addCuts([...both(1, 2), ...both(2, 3)]);
    since();
    links.heal();
    expect(since()).toEqual(['1 accepts 2', '2 accepts 1', '2 accepts 3', '3 accepts 2']);
    expect(shown()).toEqual([]);
    links.heal();
    expect(since()).toEqual([]);
  });

  it('do not exist between routers', () => {
    links.replaceCuts(both('r1', 'r2'));
    expect(since()).toEqual([]);
    expect(shown()).toEqual([]);
  });

  it('do not show cuts that the kernel refused', () => {
    const failing = new KernelLinks({
      setDropped: (at, sources) => {
        if (at === 2) throw new Error('no');
        dropper.setDropped(at, sources);
      },
    });
    expect(() => {
      failing.addCuts(both(1, 2));
    }).toThrow('no');
    expect(failing.views()).not.toContainEqual(expect.objectContaining({ to: 2 }));
  });

  it('refuse to be slow or lossy', () => {
    expect(() => {
      links.set(1, 2);
    }).toThrow(FaultRefused);
  });
});
