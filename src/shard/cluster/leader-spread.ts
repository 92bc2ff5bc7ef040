/**
 * Chooses the preferred leader of each shard among its holders, so that every node leads about as many shards.
 *
 * This is the semi-matching problem: a choice is optimal if there is no chain of shards along which one lead could be
 * passed from a node to another one that has at least two fewer (Harvey, Ladner, Lovász & Tamir, "Semi-matchings for
 * bipartite graphs and load balancing", 2006). So chains are applied until none is left, starting from the node that
 * leads most. Initially the first holder of each shard leads it.
 */
import type { NodeId } from '../../raft/index.js';

/** `holders` with the leader first, the others in their order. */
export function spreadLeaders(holders: readonly (readonly NodeId[])[], nodes: readonly NodeId[]): NodeId[][] {
  const leads = new Map<NodeId, Set<number>>(nodes.map((node) => [node, new Set()]));
  const leaders = holders.map((nodesOfShard) => nodesOfShard[0] ?? 0);
  leaders.forEach((leader, shard) => leads.get(leader)?.add(shard));
  const countOf = (node: NodeId): number => leads.get(node)?.size ?? 0;
  for (;;) {
    const fullestFirst = [...nodes].sort((a, b) => countOf(b) - countOf(a) || a - b);
    const chain = firstDefined(fullestFirst, (node) => chainFrom(node, leads, holders));
    if (chain === undefined) break;
    for (const { shard, from, to } of chain) {
      leads.get(from)?.delete(shard);
      leads.get(to)?.add(shard);
      leaders[shard] = to;
    }
  }
  return holders.map((nodesOfShard, shard) => {
    const leader = leaders[shard] ?? 0;
    return [leader, ...nodesOfShard.filter((node) => node !== leader)];
  });
}

interface Pass {
  readonly shard: number;
  readonly from: NodeId;
  readonly to: NodeId;
}

/** The shortest chain from `start` to a node that leads at least two shards fewer. */
function chainFrom(
  start: NodeId,
  leads: ReadonlyMap<NodeId, ReadonlySet<number>>,
  holders: readonly (readonly NodeId[])[],
): Pass[] | undefined {
  const few = (leads.get(start)?.size ?? 0) - 2;
  const reachedBy = new Map<NodeId, Pass | undefined>([[start, undefined]]);
  // A Map iterates in insertion order, including entries inserted during the iteration: a breadth-first search.
  for (const from of reachedBy.keys()) {
    for (const shard of [...(leads.get(from) ?? [])].sort((a, b) => a - b)) {
      for (const to of holders[shard] ?? []) {
        if (reachedBy.has(to)) continue;
        reachedBy.set(to, { shard, from, to });
        if ((leads.get(to)?.size ?? 0) <= few) return chainTo(to, reachedBy);
      }
    }
  }
  return undefined;
}

function chainTo(end: NodeId, reachedBy: ReadonlyMap<NodeId, Pass | undefined>): Pass[] {
  const chain: Pass[] = [];
  for (let pass = reachedBy.get(end); pass !== undefined; pass = reachedBy.get(pass.from)) chain.push(pass);
  return chain;
}

function firstDefined<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
