/** Ids of requests and of rounds begin anew behind 2^32 − 1; a revision in an entity tag may be as large as any. */
import { describe, expect, it } from 'vitest';
import * as headersOf from '../../src/router/http/headers.js';
import { PendingCalls } from '../../src/router/dispatch/pending-calls.js';
import { StatusRounds } from '../../src/router/dispatch/status-rounds.js';
import type { NodeStatus, ShardReply } from '../../src/shard/index.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

const MAX_ID = 2 ** 32 - 1;
const replyOf = (revision: number): ShardReply => ({
  answer: { type: 'get', record: undefined, revision },
  term: 1,
  servedBy: 1,
});
const statusOf = (name: string): NodeStatus => ({ name }) as NodeStatus;

describe.each([
  ['where the sign of 32 bits changes', 2 ** 31 - 700],
  ['where they begin anew', MAX_ID - 700],
])('ids of requests, %s', (_, firstLastId) => {
  const tableOf = (): PendingCalls => new PendingCalls(10_000, () => firstLastId / MAX_ID);

  it('are distinct 32-bit numbers and find their own request, however many are under way', () => {
    const table = tableOf();
    const answered = new Map<number, number>();
    const ids: number[] = [];
    for (let i = 0; i < 1_400; i++) {
      const id = table.add(1, 0, 100, ({ answer }) => {
        answered.set(i, answer.type === 'get' ? answer.revision : -1);
      });
      ids.push(id!);
      // A third stays pending for long; the rest is answered late, in another order.
      if (i >= 90 && i % 3 !== 0) table.settle(1, ids[i - 30]!, replyOf(i - 30));
    }
    expect(new Set(ids).size).toBe(1_400);
    expect(Math.max(...ids)).toBeLessThanOrEqual(MAX_ID);
    expect(Math.min(...ids)).toBeGreaterThanOrEqual(1);
    for (const [i, id] of ids.entries()) table.settle(1, id, replyOf(i));
    expect([...answered].every(([i, revision]) => i === revision)).toBe(true);
    expect([answered.size, table.size]).toEqual([1_400, 0]);
  });

  it('of requests that stay under way while the ids wrap around are not reused', () => {
    const table = tableOf();
    const old = table.add(1, 0, 100, () => undefined)!;
    for (let i = 0; i < 1_400; i++) {
      const id = table.add(1, 0, 100, () => undefined)!;
      expect(id).not.toBe(old);
      table.remove(id);
    }
    expect(table.size).toBe(1);
    table.sweep(2_000);
    expect(table.size).toBe(0);
  });
});

describe('ids of rounds', () => {
  it.each([2 ** 31 - 2, MAX_ID - 2])('find their own round behind %d', async (lastId) => {
    const runtime = new VirtualRuntime();
    const ids: number[] = [];
    const send = (_node: number, id: number): boolean => {
      ids.push(id);
      return true;
    };
    const rounds = new StatusRounds(runtime, send, lastId);
    const answers = Array.from({ length: 6 }, () => rounds.ask([1], 1_000));
    expect(new Set(ids).size).toBe(6);
    for (const id of ids) expect(id >= 1 && id <= MAX_ID).toBe(true);
    for (const [i, id] of [...ids.entries()].reverse()) rounds.settle(1, id, statusOf(`n${i}`));
    const names = (await Promise.all(answers)).map((answer) => answer.get(1)?.name);
    expect(names).toEqual([0, 1, 2, 3, 4, 5].map((i) => `n${i}`));
  });
});

describe('entity tags', () => {
  const conditionOf = (revision: bigint | number): unknown =>
    headersOf.writeCondition({ 'if-match': `"${revision}"` }).condition;

  it.each([2 ** 31, 2 ** 32, 2 ** 47])('name each revision around %d', (edge) => {
    for (let revision = edge - 2; revision <= edge + 2; revision++) {
      expect(conditionOf(revision)).toEqual({ type: 'revision', revision });
    }
  });

  it('name none from 2^48 on, and never one that is smaller', () => {
    expect(conditionOf(2 ** 48 - 1)).toEqual({ type: 'revision', revision: 2 ** 48 - 1 });
    // No key has revision 0: the condition holds for none.
    for (const beyond of [2n ** 48n, 2n ** 48n + 5n, 2n ** 53n + 1n, 2n ** 64n + 5n]) {
      expect(conditionOf(beyond)).toEqual({ type: 'revision', revision: 0 });
    }
  });
});
