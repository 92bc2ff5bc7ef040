/** What is said about transactions while earlier messages are under way to the same shard goes in one entry. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { DispatchReply } from '../../src/router/dispatch/call.js';
import { TransactionSender } from '../../src/router/dispatch/transaction-sender.js';
import type { ParticipantReply } from '../../src/router/dispatch/attempt-outcome.js';
import { stringKey } from '../../src/shard/keys/encoder.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { refuse } from '../../src/shard/errors.js';
import type { Answer, Transact } from '../../src/shard/operation.js';
import type { Step } from '../../src/shard/program.js';
import { decodeTransaction, encodeTransactionReply } from '../../src/shard/transaction-codec.js';
import type { SingleMessage, SingleReply, TransactionReply } from '../../src/shard/transaction.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

beforeAll(loadHash);

interface Sent {
  readonly operation: Transact;
  readonly deadlineMs: number;
  readonly reply: (answer: Answer) => void;
}

const COMMIT: SingleMessage = { phase: 'decide', decision: 'then', outcome: undefined };
const ASK: SingleMessage = { phase: 'inquire' };
const DECIDED: SingleReply = { type: 'decided', decision: 'then' };
const UNKNOWN: SingleReply = { type: 'unknown' };
const idOf = (id: number): Uint8Array => Buffer.alloc(16, id);

const answered = (reply: TransactionReply, revision = 7): Answer => ({
  ...{ type: 'program', revision, outcome: encodeTransactionReply(reply), replayed: false },
});

const base = { key: stringKey('k'), condition: { type: 'none' } } as const;
const put = (bytes = 1): Step => ({
  ...{ type: 'put', ...base, returning: 'nothing', body: Buffer.alloc(bytes), contentType: '' },
  expiry: { type: 'none' },
});

function prepare(step: Step, waits = false): SingleMessage {
  const program = { comparisons: [], then: [step], otherwise: [], onError: 'fail', valueLimit: 1_000_000 } as const;
  const part = { program, thenAt: [0], otherwiseAt: [], hasComparisons: false, hasOtherwise: false };
  return { phase: 'prepare', participants: [3, 4], part, client: undefined, waits };
}

function lab(featureLevel = 4) {
  const runtime = new VirtualRuntime(1);
  const sent: Sent[] = [];
  const replies = new Map<number, ParticipantReply>();
  const sender = new TransactionSender({
    runtime,
    newId: () => idOf(99),
    featureLevel: () => featureLevel,
    dispatcher: {
      dispatch: (operation, { deadlineMs }, done) => {
        if (operation.type !== 'transaction') throw new Error(operation.type);
        const { shard } = operation;
        const reply = (answer: Answer): void => {
          done({ answer, term: 5, servedBy: 2, shard } satisfies DispatchReply);
        };
        sent.push({ operation, deadlineMs, reply });
      },
    },
  });
  return {
    runtime,
    sent,
    replies,
    ask: (id: number, message: SingleMessage = ASK, shard = 3, deadlineMs = 1_000): void => {
      void sender.ask(shard, message, idOf(id), deadlineMs).then((each) => replies.set(id, each));
    },
    /** Ids of the transactions in what was sent as number `at`. */
    idsIn: (at: number): readonly (number | undefined)[] => {
      const { operationId, body } = sent[at]?.operation ?? { operationId: idOf(0), body: new Uint8Array() };
      const message = decodeTransaction(body);
      return message.phase === 'several' ? message.enclosed.map(({ id }) => id[0]) : [operationId[0]];
    },
  };
}

describe('what is said to a shard', () => {
  it('goes at once and under its own id where nothing is under way, to each shard', async () => {
    const { ask, sent, idsIn, replies, runtime } = lab();
    ask(1);
    ask(2, ASK, 4);
    expect(sent.map(({ operation: { shard, operationId } }) => [shard, operationId[0]])).toEqual([
      [3, 1],
      [4, 2],
    ]);
    expect(idsIn(0)).toEqual([1]);
    sent[0]?.reply(answered(DECIDED, 11));
    await runtime.settle(Promise.resolve());
    expect(replies.get(1)).toEqual({
      shard: 3,
      revision: 11,
      reply: DECIDED,
      origin: { term: 5, servedBy: 2, shard: 3 },
    });
    expect(replies.has(2)).toBe(false);
  });

  it('meanwhile waits for the reply, and goes in one entry, with the longest of the deadlines; each has its own reply', async () => {
    const { ask, sent, idsIn, replies, runtime } = lab();
    ask(1);
    ask(2, prepare(put()), 3, 500);
    ask(3, ASK, 3, 2_000);
    expect(sent).toHaveLength(1);
    sent[0]?.reply(answered(DECIDED));
    await runtime.settle(Promise.resolve());
    expect(sent).toHaveLength(2);
    expect([idsIn(1), sent[1]?.operation.operationId[0], sent[1]?.deadlineMs]).toEqual([[2, 3], 99, 2_000]);
    ask(4);
    sent[1]?.reply(answered({ type: 'several', replies: [UNKNOWN, DECIDED] }, 12));
    await runtime.settle(Promise.resolve());
    expect([2, 3].map((id) => replies.get(id))).toMatchObject([
      { reply: UNKNOWN, revision: 12 },
      { reply: DECIDED, revision: 12 },
    ]);
    await runtime.settle(Promise.resolve());
    // The next one alone is again what it would have been at once.
    expect([idsIn(2), sent[2]?.operation.operationId[0]]).toEqual([[4], 4]);
  });

  it.each([
    ['a prepare that waits for keys', prepare(put(), true)],
    ['a prepare that reads values', prepare({ type: 'get', ...base, returning: 'nothing' })],
    ['one that answers what was there before', prepare({ ...put(), returning: 'previous' })],
    ['a long one', prepare(put(20_000))],
  ])('goes alone and waits for nothing if its reply may be late or long: %s', (_, message) => {
    const { ask, sent, idsIn } = lab();
    ask(1);
    ask(2, message);
    expect(sent).toHaveLength(2);
    expect(idsIn(1)).toEqual([2]);
    // Nor does anything wait for it.
    sent[0]?.reply(answered(DECIDED));
    ask(3);
    expect(idsIn(2)).toEqual([3]);
  });

  it.each<[string, Answer, Partial<ParticipantReply['reply']>]>([
    ['a refusal', refuse('no-quorum'), { type: 'refused', code: 'no-quorum' } as never],
    ['an answer that does not fit', answered({ type: 'several', replies: [DECIDED] }), { code: 'internal' } as never],
  ])('together is answered together: %s', async (_, answer, expected) => {
    const { ask, sent, replies, runtime } = lab();
    for (const id of [1, 2, 3]) ask(id);
    sent[0]?.reply(answered(DECIDED));
    await runtime.settle(Promise.resolve());
    sent[1]?.reply(answer);
    await runtime.settle(Promise.resolve());
    expect([2, 3].map((id) => replies.get(id)?.reply)).toMatchObject([expected, expected]);
  });

  it('by several replies of one entry, such as decisions by the last votes, goes in one entry, and with what waits', async () => {
    const { ask, sent, idsIn, replies, runtime } = lab();
    const vote: SingleReply = { type: 'vote', vote: { type: 'aborted' }, participants: [] };
    for (const id of [1, 2, 3]) ask(id, prepare(put()));
    sent[0]?.reply(answered(vote));
    await runtime.settle(Promise.resolve());
    ask(4);
    const onceReplied = new Set([2, 3]);
    const wait = async (): Promise<void> => {
      for (let hop = 0; hop < 10 && ![...onceReplied].every((id) => replies.has(id)); hop++) await Promise.resolve();
      for (const id of onceReplied) ask(id, COMMIT);
    };
    sent[1]?.reply(answered({ type: 'several', replies: [vote, vote] }));
    await wait();
    expect(sent).toHaveLength(2);
    await runtime.settle(Promise.resolve());
    expect(idsIn(2)).toEqual([4, 2, 3]);
  });

  it('gathers a moment longer after an entry of three or more: what comes to a busy shard', async () => {
    const { ask, sent, idsIn, runtime } = lab();
    for (const id of [1, 2, 3, 4]) ask(id);
    sent[0]?.reply(answered(UNKNOWN));
    await runtime.settle(Promise.resolve());
    expect(idsIn(1)).toEqual([2, 3, 4]);
    ask(5);
    sent[1]?.reply(answered({ type: 'several', replies: [UNKNOWN, UNKNOWN, UNKNOWN] }));
    await runtime.run(0.5);
    ask(6);
    expect(sent).toHaveLength(2);
    await runtime.run(2);
    expect(idsIn(2)).toEqual([5, 6]);
  });

  it('tells decisions so that the shard keeps their index, which counts where the answer was lost', async () => {
    const { ask, sent, idsIn, replies, runtime } = lab();
    ask(1, COMMIT);
    expect([idsIn(0), sent[0]?.operation.operationId[0]]).toEqual([[1], 99]);
    sent[0]?.reply(answered({ type: 'several', replies: [{ ...DECIDED, revision: 11 }] }, 17));
    await runtime.settle(Promise.resolve());
    expect(replies.get(1)).toMatchObject({ revision: 11, reply: { type: 'decided', decision: 'then' } });
  });

  it('goes alone as long as some node may be of a build that does not know several in one entry', () => {
    const { ask, sent, idsIn } = lab(3);
    for (const id of [1, 2]) ask(id, COMMIT);
    expect(sent.map(({ operation }) => operation.operationId[0])).toEqual([1, 2]);
    expect(idsIn(1)).toEqual([2]);
  });

  it('does not wait longer than 20 ms for a late reply, nor for more than 64 messages', async () => {
    const { ask, sent, idsIn, runtime } = lab();
    ask(1);
    ask(2);
    await runtime.run(19);
    expect(sent).toHaveLength(1);
    await runtime.run(2);
    expect(idsIn(1)).toEqual([2]);
    for (let id = 3; id < 3 + 64; id++) ask(id);
    expect(idsIn(2)).toHaveLength(64);
    await runtime.run(100);
    expect(sent).toHaveLength(3);
  });
});
