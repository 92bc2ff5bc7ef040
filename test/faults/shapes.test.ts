import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bridge, isolation, partition, ring, type Cut } from '../../src/faults/shapes.js';

const nodesUpTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** Whom each node can talk with in both directions, itself included. */
function seenBy(nodes: readonly number[], cuts: readonly Cut[]): Map<number, string> {
  const cut = new Set(cuts.map(({ from, to }) => `${from}>${to}`));
  const sees = (a: number, b: number) => !cut.has(`${a}>${b}`) && !cut.has(`${b}>${a}`);
  return new Map(
    nodes.map((node) => {
      const others = nodes.filter((other) => other === node || sees(node, other));
      return [node, others.sort((a, b) => a - b).join(',')];
    }),
  );
}

const size = (seen: string | undefined) => (seen ?? '').split(',').length;
const shuffledNodes = fc
  .integer({ min: 3, max: 9 })
  .chain((count) => fc.shuffledSubarray(nodesUpTo(count), { minLength: count }));

describe('a ring', () => {
  it('gives each node a majority, and no two the same', () => {
    fc.assert(
      fc.property(shuffledNodes, (nodes) => {
        const seen = seenBy(nodes, ring(nodes));
        for (const sight of seen.values()) expect(size(sight)).toBeGreaterThan(nodes.length / 2);
        expect(new Set(seen.values()).size).toBe(nodes.length);
      }),
    );
  });

  it('of five is the circle: each node sees its two neighbours', () => {
    expect([...seenBy(nodesUpTo(5), ring(nodesUpTo(5))).values()]).toEqual([
      '1,2,5',
      '1,2,3',
      '2,3,4',
      '3,4,5',
      '1,4,5',
    ]);
  });
});

describe('a bridge', () => {
  it('joins two halves by one node that sees all', () => {
    fc.assert(
      fc.property(shuffledNodes, (nodes) => {
        const seen = seenBy(nodes, bridge(nodes));
        const middle = nodes[Math.floor(nodes.length / 2)]!;
        expect(size(seen.get(middle))).toBe(nodes.length);
        const halves = new Set([...seen].filter(([node]) => node !== middle).map(([, sight]) => sight));
        expect(halves.size).toBe(2);
        const shared = [...halves].map((half) => half.split(',').map(Number));
        expect(shared[0]!.filter((node) => shared[1]!.includes(node))).toEqual([middle]);
        expect(Math.abs(shared[0]!.length - shared[1]!.length)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('a partition', () => {
  it('leaves each side whole, and nothing between sides', () => {
    const cuts = partition([[1, 4], [2, 3], [5]]);
    expect([...seenBy(nodesUpTo(5), cuts)]).toEqual([
      [1, '1,4'],
      [2, '2,3'],
      [3, '2,3'],
      [4, '1,4'],
      [5, '5'],
    ]);
  });

  it('keeps a router on its side', () => {
    expect(partition([['r1', 1], [2]])).toContainEqual({ from: 'r1', to: 2 });
    expect(partition([['r1', 1], [2]])).not.toContainEqual({ from: 'r1', to: 1 });
  });
});

describe('isolation', () => {
  it('cuts all links of the node and no others', () => {
    expect([...seenBy(nodesUpTo(4), isolation(2, nodesUpTo(4))).values()]).toEqual(['1,3,4', '2', '1,3,4', '1,3,4']);
  });
});
