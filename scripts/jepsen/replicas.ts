/**
 * Do the replicas of each shard keep up while clients write, and are they equal at the end? Polls `/v1/shards` until
 * all have applied what they should have, then compares their state hashes. Finds differences that no read happened to
 * show.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

const schema = z.object({
  shards: z.array(
    z.object({
      shard: z.number(),
      commit: z.number(),
      replicas: z.array(
        z.object({ node: z.number(), applied: z.number().optional(), state_hash: z.string().optional() }),
      ),
    }),
  ),
});
export type ShardViews = z.infer<typeof schema>['shards'];

const PAUSE_MS = 200;
const ASK_LIMIT_MS = 5_000;

/** One line for each replica that is behind or differs; empty when all have caught up and are equal. */
export function unequalReplicas(shards: ShardViews): { readonly behind: string[]; readonly differ: string[] } {
  const behind: string[] = [];
  const differ: string[] = [];
  for (const { shard, commit, replicas } of shards) {
    const late = replicas.filter(({ applied }) => applied !== commit);
    behind.push(
      ...late.map(({ node, applied }) => `n${node} has applied ${applied ?? 0} of ${commit} in shard ${shard}`),
    );
    const hashes = new Set(replicas.filter((replica) => !late.includes(replica)).map((replica) => replica.state_hash));
    if (hashes.size <= 1) continue;
    const each = replicas.map(({ node, state_hash: hash }) => `n${node} ${hash ?? 'none'}`);
    differ.push(`state hashes of shard ${shard} differ at index ${commit}: ${each.join(', ')}`);
  }
  return { behind, differ };
}

/** Waits until the replicas have caught up, for `limitMs` at most. @returns what is wrong then, one line each */
export async function compareReplicas(endpoint: string, limitMs: number): Promise<string[]> {
  const giveUpAt = performance.now() + limitMs;
  for (;;) {
    const views = await shardViews(endpoint);
    const { behind, differ } =
      views === undefined ? { behind: [`${endpoint} does not report its shards`], differ: [] } : unequalReplicas(views);
    if (differ.length > 0) return differ;
    if (behind.length === 0) return [];
    if (performance.now() > giveUpAt) return behind;
    await pause(PAUSE_MS);
  }
}

/** One line for each replica that has not applied what was committed in `asked`, an earlier view of the same shards. */
export function laggingReplicas(asked: ShardViews, now: ShardViews): string[] {
  const goals = new Map(asked.map(({ shard, commit }) => [shard, commit]));
  return now.flatMap(({ shard, replicas }) => {
    const goal = goals.get(shard) ?? 0;
    const late = replicas.filter(({ applied = 0 }) => applied < goal);
    return late.map(({ node, applied = 0 }) => `n${node} lags in shard ${shard}: it has applied ${applied} of ${goal}`);
  });
}

/**
 * Waits until every replica has applied what was committed when this began, whatever is committed meanwhile, for
 * `limitMs` at most, or until `signal`. @returns what is wrong then, one line each
 */
export async function untilLevel(
  endpoint: string,
  { limitMs, signal, views = shardViews }: LevelOptions,
): Promise<string[]> {
  const giveUpAt = performance.now() + limitMs;
  let asked: ShardViews | undefined;
  for (;;) {
    const now = await views(endpoint);
    asked ??= now;
    const wrong =
      now === undefined || asked === undefined
        ? [`${endpoint} does not report its shards`]
        : laggingReplicas(asked, now);
    if (wrong.length === 0 || signal.aborted || performance.now() > giveUpAt) return wrong;
    await pause(PAUSE_MS);
  }
}

export interface LevelOptions {
  readonly limitMs: number;
  readonly signal: AbortSignal;
  /** Default: asks the endpoint. */
  readonly views?: typeof shardViews;
}

async function shardViews(endpoint: string): Promise<ShardViews | undefined> {
  try {
    const response = await fetch(`${endpoint}/v1/shards`, { signal: AbortSignal.timeout(ASK_LIMIT_MS) });
    return schema.parse(await response.json()).shards;
  } catch {
    return undefined;
  }
}
