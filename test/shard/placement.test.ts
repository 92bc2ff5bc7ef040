import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairWeight, placeShards, type PlacementRequest } from '../../src/shard/cluster/placement.js';
import { spreadLeaders } from '../../src/shard/cluster/leader-spread.js';

type Placed = readonly (readonly number[])[];
const range = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
const loadOf = (placed: Placed, node: number): number => placed.filter((nodes) => nodes.includes(node)).length;
const leadsOf = (placed: Placed, node: number): number => placed.filter(([leader]) => leader === node).length;
const spread = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);
/** Replicas on nodes that did not have them before. */
const moved = (from: Placed, to: Placed): number =>
  to.reduce((sum, nodes, shard) => sum + nodes.filter((node) => !from[shard]!.includes(node)).length, 0);

const request = fc
  .record({
    nodes: fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: 40, size: 'max' }),
    shardCount: fc.integer({ min: 1, max: 200 }),
    replicas: fc.integer({ min: 1, max: 7 }),
  })
  .map((any): PlacementRequest => ({ ...any, replicas: Math.min(any.replicas, any.nodes.length) }));

function expectBounds({ nodes, shardCount, replicas }: PlacementRequest, placed: Placed): void {
  expect(placed).toHaveLength(shardCount);
  expect(placed.filter((holders) => holders.length !== replicas || new Set(holders).size !== replicas)).toEqual([]);
  expect(placed.flat().filter((node) => !nodes.includes(node))).toEqual([]);
  const average = (shardCount * replicas) / nodes.length;
  const loads = nodes.map((node) => loadOf(placed, node));
  expect(Math.max(...loads)).toBeLessThanOrEqual(Math.ceil(average) + 1);
  expect(Math.min(...loads)).toBeGreaterThanOrEqual(Math.floor(average) - 1);
}

describe('the placement of shards', () => {
  it('keeps its bounds for any numbers', () => {
    fc.assert(
      fc.property(request, (any) => {
        expectBounds(any, placeShards(any));
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    [1, 1, 1],
    [3, 16, 3],
    [4, 4, 3],
    [5, 64, 3],
    [7, 1000, 5],
    [100, 256, 3],
    [100, 64, 100],
  ])('keeps its bounds on %d nodes with %d shards of %d replicas, leaders included', (count, shardCount, replicas) => {
    const nodes = range(count).map((n) => n + 1);
    const placed = placeShards({ nodes, shardCount, replicas });
    expectBounds({ nodes, shardCount, replicas }, placed);
    expect(spread(nodes.map((node) => leadsOf(placed, node)))).toBeLessThanOrEqual(1);
  });

  it('does not depend on the order of the nodes', () => {
    fc.assert(
      fc.property(request, (any) => {
        expect(placeShards({ ...any, nodes: [...any.nodes].reverse() })).toEqual(placeShards(any));
      }),
      { numRuns: 50 },
    );
  });

  it('is pinned', () => {
    expect(placeShards({ nodes: [1, 2, 3, 4, 5], shardCount: 8, replicas: 3 })).toEqual([
      [5, 4, 1],
      [1, 3, 4],
      [4, 3, 5],
      [4, 2, 1],
      [5, 3, 1],
      [3, 1, 2],
      [3, 4, 5],
      [2, 1, 5],
    ]);
  });

  it('refuses numbers that do not fit together', () => {
    const of = (change: Partial<PlacementRequest>) => () =>
      placeShards({ nodes: [1, 2], shardCount: 4, replicas: 2, ...change });
    expect(of({ replicas: 3 })).toThrow(/3 replicas .* 2 nodes/);
    for (const change of [
      { replicas: 0 },
      { replicas: 1.5 },
      { nodes: [] },
      { nodes: [1, 1] },
      { shardCount: 0 },
      { shardCount: 0.5 },
    ]) {
      expect(of(change)).toThrow(RangeError);
    }
    expect(of({ previous: [[1]] })).toThrow(RangeError);
  });

  it('weighs evenly', () => {
    const wins = new Map<number, number>();
    for (let shard = 0; shard < 8000; shard += 1) {
      const best = range(8).reduce((a, b) => (pairWeight(shard, a + 1) >= pairWeight(shard, b + 1) ? a : b));
      wins.set(best, (wins.get(best) ?? 0) + 1);
    }
    // Mean 1,000, standard deviation 30: five of them.
    for (const count of wins.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

describe('when a node joins', () => {
  const joins = request
    .filter(({ nodes }) => nodes.length > 1)
    .map(({ nodes, shardCount, replicas }) => {
      const before = nodes.slice(1);
      return { before, nodes, joined: nodes[0]!, shardCount, replicas: Math.min(replicas, before.length) };
    });

  it('only it gets replicas, given the previous placement, but for what stands above the lowered bound', () => {
    fc.assert(
      fc.property(joins, ({ before, nodes, joined, shardCount, replicas }) => {
        const from = placeShards({ nodes: before, shardCount, replicas });
        const to = placeShards({ nodes, shardCount, replicas, previous: from });
        expectBounds({ nodes, shardCount, replicas }, to);
        const most = Math.ceil((shardCount * replicas) / nodes.length) + 1;
        const above = before.reduce((sum, node) => sum + Math.max(0, loadOf(from, node) - most), 0);
        expect(moved(from, to)).toBe(Math.max(loadOf(to, joined), above));
      }),
      { numRuns: 100 },
    );
  });

  it('few others get replicas even without it: at most a fourth of all', () => {
    fc.assert(
      fc.property(joins, ({ before, nodes, joined, shardCount, replicas }) => {
        const from = placeShards({ nodes: before, shardCount, replicas });
        const to = placeShards({ nodes, shardCount, replicas });
        expect(moved(from, to) - loadOf(to, joined)).toBeLessThanOrEqual(3 + (shardCount * replicas) / 4);
      }),
      { numRuns: 100 },
    );
  });

  it.each([3, 4, 5, 6, 7])('on %d nodes, at most 1.5 times its share moves even without it', (count) => {
    const nodes = range(count).map((n) => n + 1);
    for (const shardCount of [64, 256, 1024]) {
      const from = placeShards({ nodes, shardCount, replicas: 3 });
      const to = placeShards({ nodes: [...nodes, count + 1], shardCount, replicas: 3 });
      expect(moved(from, to)).toBeLessThanOrEqual((1.5 * shardCount * 3) / (count + 1));
    }
  });
});

describe('when a node leaves', () => {
  it('its replicas find a place, and all bounds hold', () => {
    fc.assert(
      fc.property(
        request.filter(({ nodes }) => nodes.length > 1),
        ({ nodes, shardCount, replicas }) => {
          const left = nodes.slice(1);
          const after = { nodes: left, shardCount, replicas: Math.min(replicas, left.length) };
          const from = placeShards({ nodes, shardCount, replicas: after.replicas });
          const to = placeShards({ ...after, previous: from });
          expectBounds(after, to);
          expect(moved(from, to)).toBeLessThanOrEqual(loadOf(from, nodes[0]!) + 2 * left.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('nothing else changes when nothing has to', () => {
    const before = { nodes: [1, 2, 3, 4, 5], shardCount: 64, replicas: 3 };
    const from = placeShards(before);
    expect(placeShards({ ...before, previous: from })).toEqual(from);
  });

  it('fewer replicas can be asked for, and more', () => {
    const from = placeShards({ nodes: [1, 2, 3, 4, 5], shardCount: 64, replicas: 3 });
    for (const replicas of [1, 2, 4, 5]) {
      const now = { nodes: [1, 2, 3, 4, 5], shardCount: 64, replicas };
      expectBounds(now, placeShards({ ...now, previous: from }));
    }
  });
});

describe('the leaders', () => {
  /** Tries every choice. */
  function bestSpread(holders: Placed, nodes: readonly number[]): number {
    const counts = new Map(nodes.map((node) => [node, 0]));
    const search = (shard: number): number => {
      const candidates = holders[shard];
      // The minimum of the sum of squares also minimises the largest count.
      if (candidates === undefined) return [...counts.values()].reduce((sum, count) => sum + count * count, 0);
      return Math.min(
        ...candidates.map((node) => {
          counts.set(node, counts.get(node)! + 1);
          const result = search(shard + 1);
          counts.set(node, counts.get(node)! - 1);
          return result;
        }),
      );
    };
    return search(0);
  }

  it('are spread as evenly as the replica sets allow', () => {
    const nodes = [1, 2, 3, 4];
    const holders = fc.array(fc.uniqueArray(fc.constantFrom(...nodes), { minLength: 1, maxLength: 3 }), {
      maxLength: 7,
    });
    fc.assert(
      fc.property(holders, (any) => {
        const placed = spreadLeaders(any, nodes);
        placed.forEach((placedNodes, shard) => {
          expect([...placedNodes].sort()).toEqual([...any[shard]!].sort());
        });
        const squares = nodes.map((node) => leadsOf(placed, node) ** 2).reduce((a, b) => a + b, 0);
        expect(squares).toBe(bestSpread(any, nodes));
      }),
      { numRuns: 300 },
    );
  });

  it('are passed on along a chain where no single change would do', () => {
    const placed = spreadLeaders(
      [
        [1, 2],
        [1, 2],
        [2, 3],
        [1, 1],
      ].map((nodes) => [...new Set(nodes)]),
      [1, 2, 3],
    );
    expect([1, 2, 3].map((node) => leadsOf(placed, node)).sort()).toEqual([1, 1, 2]);
  });

  it('stay where they are when a node joins, but for those that it takes', () => {
    const from = placeShards({ nodes: [1, 2, 3], shardCount: 60, replicas: 3 });
    const to = placeShards({ nodes: [1, 2, 3, 4], shardCount: 60, replicas: 3, previous: from });
    expect([1, 2, 3, 4].map((node) => leadsOf(to, node))).toEqual([15, 15, 15, 15]);
    expect(to.filter(([leader], shard) => leader !== from[shard]![0] && leader !== 4).length).toBeLessThanOrEqual(20);
  });
});
