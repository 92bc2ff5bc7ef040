/**
 * The leader of each shard, as the nodes themselves report it over HTTP, without a proxy.
 *
 * Each node is asked only about itself: behind a partition the others may report an earlier state. If two claim to
 * lead, the one in the higher term does, and the other will step down.
 */
import { z } from 'zod';
import type { NodeView, ShardView } from './fault.js';

const TIMEOUT_MS = 2_000;

const schema = z.object({
  shards: z.array(
    z.object({
      shard: z.int(),
      replicas: z.array(z.object({ node: z.int(), role: z.string().nullable(), term: z.number().optional() })),
    }),
  ),
});

interface Claim {
  readonly shard: number;
  readonly node: number;
  readonly leads: boolean;
  readonly term: number;
}

/** Leaders in the order of the shards; empty if no node answers. */
export async function askLeaders(nodes: readonly NodeView[]): Promise<ShardView[]> {
  const running = nodes.filter(({ state }) => state === 'running');
  const claims = (await Promise.all(running.map(({ node, url }) => claimsOf(node, url)))).flat();
  const shards = new Map<number, ShardView>();
  for (const { shard, node, leads, term } of claims) {
    const known = shards.get(shard) ?? { shard, leader: null, term: 0 };
    shards.set(shard, leads && term > known.term ? { shard, leader: node, term } : known);
  }
  return [...shards.values()].sort((a, b) => a.shard - b.shard);
}

/** The node's own claims; none if it does not answer, as during its start. */
async function claimsOf(node: number, url: string): Promise<Claim[]> {
  try {
    const response = await fetch(`${url}/v1/shards`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) return [];
    const { shards } = schema.parse(await response.json());
    return shards.map(({ shard, replicas }) => {
      const own = replicas.find((replica) => replica.node === node);
      return { shard, node, leads: own?.role === 'leader', term: own?.term ?? 0 };
    });
  } catch {
    return [];
  }
}
