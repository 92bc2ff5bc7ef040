/** What a transaction over shards comes to when a participant does not say what became of the client's id. */
import { describe, expect, it } from 'vitest';
import { Coordinator } from '../../src/router/dispatch/coordinator.js';
import type { Dispatcher } from '../../src/router/dispatch/dispatcher.js';
import { NO_ORIGIN, attemptOutcomeOf, type ParticipantReply } from '../../src/router/dispatch/attempt-outcome.js';
import {
  encodeOutcome,
  encodeTransactionReply,
  refuse,
  stringKey,
  type TransactionPart,
  type SingleReply,
  type Vote,
} from '../../src/shard/index.js';
import { decodeTransaction } from '../../src/shard/transaction-codec.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

const YES: Vote = { type: 'yes', holds: true, then: { type: 'results', results: [] }, otherwise: undefined };
const vote = (given: Vote): SingleReply => ({ type: 'vote', vote: given, participants: [1, 2] });
const replies = (...replies: readonly SingleReply[]): ParticipantReply[] =>
  replies.map((reply, at) => ({ shard: at + 1, revision: 0, reply, origin: NO_ORIGIN }));

const NO = vote({ type: 'no' });
const FAILED = vote({ type: 'failed', refusal: refuse('wrong-type') });
const UNKNOWN = refuse('leadership-lost');
const NOT_APPLIED = refuse('no-leader');

describe('what is said of a transaction under a id of the client', () => {
  it.each([
    ['comparisons that do not hold elsewhere', NO],
    ['an operation that fails elsewhere', FAILED],
  ])('is nothing definite while the first participant has not voted, whatever %s', (_, other) => {
    expect(attemptOutcomeOf(replies(UNKNOWN, other), 1)).toMatchObject({
      type: 'unknown',
      refusal: { outcome: 'unknown' },
    });
    expect(attemptOutcomeOf(replies(NOT_APPLIED, other), 1)).toMatchObject({
      type: 'refused',
      refusal: { code: 'no-leader' },
    });
  });

  it('is what the others say once it has; and without such an id, whatever it says', () => {
    expect(attemptOutcomeOf(replies(vote(YES), NO), 1)).toMatchObject({ type: 'no' });
    expect(attemptOutcomeOf(replies(vote({ type: 'busy' }), NO), 1)).toMatchObject({ type: 'no' });
    expect(attemptOutcomeOf(replies(UNKNOWN, NO))).toMatchObject({ type: 'no' });
  });

  it('is final when the first participant has forgotten the id', () => {
    const expired = refuse('idempotency-key-expired');
    expect(attemptOutcomeOf(replies(expired, NO), 1)).toMatchObject({
      type: 'refused',
      refusal: { outcome: 'unknown' },
    });
  });
});

describe('a repeat of a transaction that was committed', () => {
  const part = (key: string): TransactionPart => ({
    program: {
      comparisons: [{ type: 'revision', key: stringKey(key), revision: 3 }],
      ...{ then: [], otherwise: [], onError: 'fail', valueLimit: 10 },
    },
    ...{ thenAt: [], otherwiseAt: [], hasComparisons: true, hasOtherwise: false },
  });

  it.each([
    ['with a key of the client: not known', true, 'unknown'],
    ['without: its comparisons do not hold', false, undefined],
  ])('meets its own effect while the first participant is silent; %s', async (_, isKeyed, outcome) => {
    const runtime = new VirtualRuntime(1);
    const dispatcher: Pick<Dispatcher, 'dispatch'> = {
      dispatch: (operation, options, reply) => {
        if (operation.type !== 'transaction') throw new Error(operation.type);
        const isPrepare = decodeTransaction(operation.body).phase === 'prepare';
        const said = operation.shard === 1 || !isPrepare ? UNKNOWN : NO;
        const answer =
          said.type === 'refused'
            ? said
            : ({ type: 'program', revision: 9, outcome: encodeTransactionReply(said), replayed: false } as const);
        reply({ answer, term: 1, servedBy: 1, shard: operation.shard });
      },
    };
    const coordinator = new Coordinator({
      dispatcher,
      runtime,
      newId: () => Buffer.alloc(16, 1),
      featureLevel: () => 3,
    });
    const parts = new Map([
      [1, part('a')],
      [2, part('b')],
    ]);
    const client = isKeyed ? { id: Buffer.alloc(16, 7), fingerprint: Buffer.alloc(8) } : undefined;
    const { outcome: ended } = await runtime.settle(coordinator.run(parts, client, 1_000));
    if (outcome === undefined) expect(ended).toMatchObject({ succeeded: false });
    else expect(ended).toMatchObject({ outcome });
  });
});

describe('a definite no under a key of the client', () => {
  const KEPT: SingleReply = { type: 'decided', decision: 'abort' };
  const DONE = encodeOutcome({ succeeded: true, results: [], lastDeletion: 0, omitted: true });

  /** @param concluded what the first participant answers to the conclusion; the second votes no */
  async function run(concluded: SingleReply, featureLevel = 4) {
    const runtime = new VirtualRuntime(1);
    const phases: string[] = [];
    const dispatcher: Pick<Dispatcher, 'dispatch'> = {
      dispatch: (operation, options, reply) => {
        if (operation.type !== 'transaction') throw new Error(operation.type);
        const { phase } = decodeTransaction(operation.body);
        phases.push(`${phase} ${operation.shard}`);
        const voted = operation.shard === 1 ? vote(YES) : NO;
        const said = phase === 'prepare' ? voted : phase === 'conclude' ? concluded : KEPT;
        const answer =
          said.type === 'refused'
            ? said
            : ({ type: 'program', revision: 9, outcome: encodeTransactionReply(said), replayed: false } as const);
        reply({ answer, term: 1, servedBy: 1, shard: operation.shard });
      },
    };
    const newId = () => Buffer.alloc(16, 1);
    const coordinator = new Coordinator({ dispatcher, runtime, newId, featureLevel: () => featureLevel });
    const parts = new Map([1, 2].map((shard) => [shard, NO_STEPS]));
    const client = { id: Buffer.alloc(16, 7), fingerprint: Buffer.alloc(8) };
    return { phases, ...(await runtime.settle(coordinator.run(parts, client, 1_000))) };
  }
  const NO_STEPS: TransactionPart = {
    program: {
      comparisons: [{ type: 'exists', key: stringKey('a') }],
      then: [],
      otherwise: [],
      onError: 'fail',
      valueLimit: 10,
    },
    ...{ thenAt: [], otherwiseAt: [], hasComparisons: true, hasOtherwise: false },
  };

  it('is told once the first participant has kept it', async () => {
    const { outcome, phases } = await run(KEPT);
    expect(outcome).toMatchObject({ succeeded: false });
    expect(phases).toContain('conclude 1');
  });

  it('is not told if that does not say so: not applied, and to be asked again', async () => {
    expect((await run(UNKNOWN)).outcome).toMatchObject({ code: 'timeout', outcome: 'not_applied' });
    expect((await run(NOT_APPLIED)).outcome).toMatchObject({ code: 'no-leader', outcome: 'not_applied' });
  });

  it('gives way to what another attempt came to', async () => {
    expect((await run({ type: 'replay', outcome: DONE })).replayed).toEqual(Uint8Array.from(DONE));
  });

  it('is told at once while some node may not read conclusions', async () => {
    const { outcome, phases } = await run(KEPT, 3);
    expect(outcome).toMatchObject({ succeeded: false });
    expect(phases.filter((phase) => phase.startsWith('conclude'))).toEqual([]);
  });
});
