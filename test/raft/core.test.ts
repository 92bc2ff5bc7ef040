import { expect, it } from 'vitest';
import { bytes, Cluster } from './harness.js';

it('three replicas elect, replicate and commit', () => {
  const cluster = new Cluster(3);
  cluster.elect(1);
  expect(cluster.raft(1).role).toBe('leader');
  expect(cluster.raft(1).propose(['a', 'b', 'c'].map(bytes))).toEqual({ type: 'appended', firstIndex: 2, term: 1 });
  cluster.settle();
  cluster.tick(1);
  for (const id of [1, 2, 3]) expect(cluster.get(id).applied.map((e) => e.index)).toEqual([1, 2, 3, 4]);
});
