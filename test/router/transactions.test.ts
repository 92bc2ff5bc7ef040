import { describe, expect, it } from 'vitest';
import { runTransaction } from '../../src/router/index.js';
import {
  MAX_TRANSACTION_ITEMS,
  decodeProgram,
  encodeOutcome,
  inNamespace,
  namespaceKey,
  stringKey,
  type KvOperation,
  type Program,
  type Step,
} from '../../src/shard/index.js';

const key = (text: string): Uint8Array => stringKey(text);
/** Shards 0 and 1, by the first letter: `a…` and all others. */
const shardOfKey = (bytes: Uint8Array): number => (bytes[1] === 0x61 ? 0 : 1);

const get = (text: string): Step => ({ type: 'get', key: key(text), condition: { type: 'none' }, returning: 'value' });
const inside = (namespace: string, text: string): Step => ({
  ...get(text),
  key: inNamespace(namespaceKey(namespace), key(text)),
});
const put = (text: string, length = 1): Step => ({
  type: 'put',
  key: key(text),
  condition: { type: 'none' },
  returning: 'nothing',
  contentType: 'text/plain',
  body: new Uint8Array(length),
  expiry: { type: 'none' },
});

async function run(program: Partial<Program>) {
  const sent: KvOperation[] = [];
  const reply = await runTransaction(
    {
      program: { comparisons: [], then: [], otherwise: [], onError: 'fail', valueLimit: 1_000, ...program },
      operationId: new Uint8Array(16),
      attempt: 'initial',
      consistency: 'linearizable',
    },
    {
      deadlineMs: 1_000,
      forward: true,
      shardOfKey,
      coordinator: { now: () => 0, run: () => Promise.reject(new Error('the coordinator was asked')) },
      execute: (operation) => {
        sent.push(operation);
        if (operation.type === 'list') throw new Error('a transaction lists nothing');
        const outcome = encodeOutcome({ succeeded: true, results: [], lastDeletion: 0, omitted: false });
        const answer = { type: 'program', revision: 7, outcome, replayed: false } as const;
        return Promise.resolve({ answer, term: 1, servedBy: 2, shard: shardOfKey(operation.key) });
      },
    },
  );
  return { reply, sent };
}

describe('a transaction', () => {
  it('within one shard is one program there', async () => {
    const then = [put('b1'), get('b2')];
    const { reply, sent } = await run({ then });
    expect(sent).toMatchObject([{ type: 'program', attempt: 'initial' }]);
    expect(sent[0]?.type === 'program' && decodeProgram(sent[0].body).then).toHaveLength(2);
    expect(reply).toMatchObject({ answer: { type: 'program', revision: 7 }, shard: 1 });
    expect([...reply.revisions]).toEqual([[1, 7]]);
  });

  it('that writes nothing in either case is a read', async () => {
    const comparisons = [{ type: 'exists', key: key('a') } as const];
    const { sent } = await run({ comparisons, then: [get('a1')], otherwise: [get('a2')] });
    expect(sent).toMatchObject([{ type: 'read', consistency: 'linearizable' }]);
    const writing = await run({ comparisons, then: [get('a1')], otherwise: [put('a2')] });
    expect(writing.sent).toMatchObject([{ type: 'program' }]);
  });

  it.each<[string, Partial<Program>, object]>([
    ['without a key', {}, { code: 'invalid-request' }],
    [
      'of too many parts',
      { then: Array.from({ length: MAX_TRANSACTION_ITEMS + 1 }, () => get('a')) },
      { code: 'invalid-request', details: { limit: MAX_TRANSACTION_ITEMS } },
    ],
    ['that is too long', { then: [put('a', 5_000_000)] }, { code: 'value-too-large' }],
    ['that cannot be encoded', { then: [put('a', 17_000_000)] }, { code: 'invalid-request' }],
    [
      'row 44 of a namespace and the main keyspace',
      { comparisons: [{ type: 'exists', key: key('a') }], then: [inside('one', 'a')] },
      { code: 'invalid-request', details: { field: 'key' } },
    ],
    [
      'row 44 of two namespaces, one of which begins like the other',
      { then: [inside('one', 'a')], otherwise: [inside('one-more', 'a')] },
      { code: 'invalid-request', details: { field: 'key' } },
    ],
  ])('%s is refused, and nothing is sent', async (_, program, refusal) => {
    const { reply, sent } = await run(program);
    expect(reply.answer).toMatchObject({ type: 'refused', outcome: 'not_applied', ...refusal });
    expect(sent).toEqual([]);
  });
});
