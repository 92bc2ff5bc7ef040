/** Reads of keys in several shards as of one moment: which rounds count as having seen the same. */
import { describe, expect, it } from 'vitest';
import { readOverShards } from '../../src/router/dispatch/read-over-shards.js';
import {
  decodeOutcome,
  encodeOutcome,
  refuse,
  stringKey,
  type Consistency,
  type KeyRecord,
  type Refusal,
  type StepResult,
  type TransactionPart,
} from '../../src/shard/index.js';

const SHARDS = [1, 2];

/** A part that gets one key of the shard. */
const partOf = (shard: number): TransactionPart => ({
  program: {
    comparisons: [],
    then: [{ type: 'get', key: stringKey(`k${shard}`), condition: { type: 'none' }, returning: 'nothing' }],
    otherwise: [],
    onError: 'fail',
    valueLimit: 10,
  },
  // The first shard has the second place.
  thenAt: [SHARDS.length - shard],
  otherwiseAt: [],
  hasComparisons: false,
  hasOtherwise: false,
});

const recordAt = (revision: number): KeyRecord => ({
  body: Buffer.from(`v${revision}`),
  contentType: 'text/plain',
  revision,
  createRevision: 1,
  version: 1,
});

/** What a shard answers in a round: the revision of the key, 0 if it is absent; and the shard's last deletion. */
type Seen = readonly [revision: number, lastDeletion: number];

/** `rounds`: what shard 1 answers in each of them, the last one for good; shard 2 always answers the same. */
async function read(rounds: readonly (Seen | Refusal)[], consistency: Consistency = 'linearizable') {
  const asked = new Map<number, number>();
  const answerOf = (shard: number): Seen | Refusal => {
    const times = asked.get(shard) ?? 0;
    asked.set(shard, times + 1);
    return shard === 2 ? [5, 3] : (rounds[Math.min(times, rounds.length - 1)] ?? [0, 0]);
  };
  const reply = await readOverShards(
    new Map(SHARDS.map((shard) => [shard, partOf(shard)])),
    { consistency },
    {
      ...{ deadlineMs: 1_000, forward: true, shardOfKey: () => 0 },
      coordinator: { now: () => 0, run: () => Promise.reject(new Error('the coordinator was asked')) },
      execute: (operation) => {
        if (operation.type !== 'read') throw new Error(`${operation.type} was asked for`);
        const shard = Buffer.from(operation.key).toString().endsWith('1') ? 1 : 2;
        const said = answerOf(shard);
        const origin = { term: 1, servedBy: 1, shard };
        if (!('length' in said)) return Promise.resolve({ ...origin, answer: said });
        const [revision, lastDeletion] = said;
        const result: StepResult = { type: 'get', record: revision === 0 ? undefined : recordAt(revision) };
        const outcome = encodeOutcome({ succeeded: true, results: [result], lastDeletion, omitted: false });
        const answer = { type: 'program', revision: 9, outcome, replayed: false } as const;
        return Promise.resolve({ ...origin, answer });
      },
    },
  );
  return { reply, rounds: asked.get(1) };
}

describe('a read over shards', () => {
  it.each<[string, readonly Seen[], number]>([
    ['at once, where nothing changes', [[4, 0]], 2],
    ['at once, where keys are absent and nothing is deleted', [[0, 7]], 2],
    ['a round later, where a key was written', [[4, 0], [6, 0]], 3], // prettier-ignore
    ['a round later, where a key was created', [[0, 2], [6, 2]], 3], // prettier-ignore
    ['a round later, where a key was deleted', [[4, 2], [0, 7]], 3], // prettier-ignore
    ['a round later, where a key may have been put and deleted between two rounds', [[0, 2], [0, 7]], 3], // prettier-ignore
    ['a round later, where a key was written twice', [[4, 2], [6, 2], [8, 2]], 4], // prettier-ignore
  ])('is done %s', async (_, seen, rounds) => {
    const done = await read(seen);
    expect(done.rounds).toBe(rounds);
    expect(done.reply?.answer).toMatchObject({ type: 'program', revision: 9, replayed: false });
    const last = seen.at(-1)?.[0] ?? 0;
    const outcome = done.reply?.answer.type === 'program' ? decodeOutcome(done.reply.answer.outcome) : undefined;
    // In the order asked.
    expect(outcome).toMatchObject({
      results: [{ record: { revision: 5 } }, last === 0 ? { type: 'get' } : { record: { revision: last } }],
    });
  });

  it('does not care for deletions of other keys where the key is there', async () => {
    expect((await read([[4, 2], [4, 7]])).rounds).toBe(2); // prettier-ignore
  });

  it('gives up after four rounds of which no two saw the same', async () => {
    const busy = await read(Array.from({ length: 9 }, (_, n): Seen => [n + 1, 0]));
    expect(busy).toEqual({ reply: undefined, rounds: 4 });
  });

  it('that may be stale takes the first round', async () => {
    expect((await read([[4, 0], [6, 0]], 'stale')).rounds).toBe(1); // prettier-ignore
  });

  it('is refused as one of its shards refuses', async () => {
    const { reply, rounds } = await read([refuse('no-leader')]);
    expect(reply?.answer).toMatchObject({ type: 'refused', code: 'no-leader' });
    expect(rounds).toBe(1);
  });
});
