/** Conclusions: the decision on a transaction with a client's id, with the answer that its first participant keeps. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeProgramCommand } from '../../src/shard/machine/command.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import { refuse } from '../../src/shard/errors.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { stringKey } from '../../src/shard/keys/encoder.js';
import type { Refusal } from '../../src/shard/operation.js';
import { decodeOutcome, encodeOutcome } from '../../src/shard/program-codec.js';
import type { ProgramOutcome, Step } from '../../src/shard/program.js';
import { decodeTransaction, decodeTransactionReply, encodeTransaction } from '../../src/shard/transaction-codec.js';
import type { ClientId, Decision, SingleMessage, SingleReply } from '../../src/shard/transaction.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const TIME = 1_000_000;
const CLIENT: ClientId = { id: new Uint8Array(16).fill(99), fingerprint: new Uint8Array(8).fill(1) };
const NO: ProgramOutcome = { succeeded: false, results: [], lastDeletion: 0, omitted: false };
const DONE: ProgramOutcome = { ...NO, succeeded: true };

function prepare(client = CLIENT, comparesTo?: string): SingleMessage {
  const key = stringKey('a');
  const then: Step[] = [
    {
      ...{ type: 'put', key, body: Buffer.from('new'), contentType: 'text/plain', expiry: { type: 'none' } },
      ...{ condition: { type: 'none' }, returning: 'nothing' },
    },
  ];
  const comparisons =
    comparesTo === undefined ? [] : [{ type: 'value', json: false, key, value: Buffer.from(comparesTo) } as const];
  const program = { comparisons, then, otherwise: [], onError: 'fail', valueLimit: 10 } as const;
  const part = { program, thenAt: [0], otherwiseAt: [], hasComparisons: comparisons.length > 0, hasOtherwise: false };
  return { phase: 'prepare', participants: [0, 1], part, client, waits: false };
}
const conclude = (outcome: ProgramOutcome | Refusal, decision: Decision = 'abort'): SingleMessage => ({
  phase: 'conclude',
  decision,
  client: CLIENT,
  outcome: encodeOutcome(outcome),
});
const ABORTED = { type: 'decided', decision: 'abort' };

let store: MapStateStore;
let machine: KvMachine;
let index: number;

beforeEach(() => {
  store = new MapStateStore();
  machine = new KvMachine(store);
  index = 0;
});

/** What is said about transaction `id` by an entry. */
function say(id: number, message: SingleMessage): SingleReply {
  const answer = machine.apply(
    ++index,
    encodeProgramCommand(
      {
        ...{ type: 'transaction', key: new Uint8Array(0), shard: 0, body: encodeTransaction(message) },
        ...{ operationId: Buffer.alloc(16, id), attempt: 'initial' },
      },
      TIME,
    ),
  );
  if (answer?.type !== 'program') throw new Error(`an answer of type ${answer?.type}`);
  const reply = decodeTransactionReply(answer.outcome);
  if (reply.type === 'several') throw new Error('several replies to one message');
  return reply;
}

/** What a repeat of the client's request is answered; undefined: it may begin. */
function replay(id: number, client = CLIENT): ProgramOutcome | Refusal | undefined {
  const reply = say(id, prepare(client));
  if (reply.type === 'refused') return reply;
  return reply.type === 'replay' ? decodeOutcome(reply.outcome) : undefined;
}

describe('an abort with a definite answer', () => {
  it.each([
    ['comparisons that do not hold', NO],
    ['a step that fails', refuse('precondition-failed', 'no', { currentRevision: 4 })],
  ])('lets go of the keys and is kept in one entry: %s', (_, outcome) => {
    expect(say(1, prepare())).toMatchObject({ vote: { type: 'yes' } });
    expect(say(1, conclude(outcome))).toMatchObject(ABORTED);
    expect(replay(2)).toEqual(outcome);
    expect(say(3, prepare({ id: Buffer.alloc(16, 98), fingerprint: CLIENT.fingerprint }))).toMatchObject({
      vote: { type: 'yes' },
    });
    expect(replay(4, { ...CLIENT, fingerprint: Buffer.alloc(8, 2) })).toMatchObject({ code: 'idempotency-key-reused' });
  });

  it('is kept by a shard that holds nothing for it: it voted no, or another one has aborted it already', () => {
    expect(say(1, prepare(CLIENT, 'other'))).toMatchObject({ vote: { type: 'no' } });
    expect(say(1, conclude(NO))).toMatchObject(ABORTED);
    expect(replay(2)).toEqual(NO);
  });

  it('is kept after another one has aborted it, and that was forgotten', () => {
    say(1, prepare());
    say(1, { phase: 'decide', decision: 'abort', outcome: undefined });
    say(9, { phase: 'forget', ids: [Buffer.alloc(16, 1)] });
    expect(say(1, conclude(NO))).toMatchObject(ABORTED);
    expect(replay(2)).toEqual(NO);
  });

  it('says the same when it comes again, and gives way to what was kept first', () => {
    say(1, prepare());
    expect(say(1, conclude(NO))).toMatchObject({ ...ABORTED, revision: 2 });
    expect(say(1, conclude(NO))).toMatchObject({ ...ABORTED, revision: 2 });
    expect(say(2, conclude(refuse('wrong-type')))).toEqual({ type: 'replay', outcome: encodeOutcome(NO) });
    expect(replay(3)).toEqual(NO);
  });

  it('gives way to another attempt that has begun meanwhile, and to what that came to', () => {
    expect(say(1, prepare(CLIENT, 'other'))).toMatchObject({ vote: { type: 'no' } });
    expect(say(2, prepare())).toMatchObject({ vote: { type: 'yes' } });
    expect(say(1, conclude(NO))).toMatchObject({ type: 'open', participants: [0, 1] });
    expect(say(2, conclude(DONE, 'then'))).toMatchObject({ type: 'decided', decision: 'then' });
    expect(say(1, conclude(NO))).toEqual({ type: 'replay', outcome: encodeOutcome(DONE) });
  });

  it('has no effect on a transaction that was committed', () => {
    say(1, prepare());
    say(1, conclude(DONE, 'then'));
    expect(say(1, conclude(NO))).toMatchObject({ type: 'decided', decision: 'then' });
    expect(replay(2)).toEqual(DONE);
  });

  it('without an answer keeps nothing: a repeat begins anew', () => {
    say(1, prepare());
    say(1, { phase: 'decide', decision: 'abort', outcome: encodeOutcome(NO) });
    expect(replay(2)).toBeUndefined();
  });
});

describe('an answer that is too long to be kept', () => {
  const long: ProgramOutcome = {
    ...NO,
    results: Array.from({ length: 4_000 }, () => ({ type: 'delete', deleted: true, revision: 1, record: undefined })),
  };

  it('leaves whether it succeeded, and of a refusal all but the end of its message', () => {
    say(1, prepare());
    say(1, conclude(long, 'otherwise'));
    expect(replay(2)).toEqual({ ...NO, omitted: true });
    const refusal = refuse('wrong-type', 'x'.repeat(5_000), { field: 'ops[1]' });
    const other = { ...CLIENT, id: Buffer.alloc(16, 97) };
    say(3, { phase: 'conclude', decision: 'abort', client: other, outcome: encodeOutcome(refusal) });
    expect(replay(4, other)).toEqual({ ...refusal, message: 'x'.repeat(200) });
  });

  it('in a decision as former builds send it leaves what it left there', () => {
    say(1, prepare());
    say(1, { phase: 'decide', decision: 'otherwise', outcome: encodeOutcome(long) });
    expect(replay(2)).toMatchObject({ succeeded: true, results: [], omitted: true });
  });
});

describe('what a conclusion keeps', () => {
  it('is there after a restart', () => {
    say(1, prepare());
    say(1, conclude(NO));
    const hash = machine.stateHash();
    machine.flush();
    machine = new KvMachine(store);
    machine.load();
    expect(machine.stateHash()).toBe(hash);
    expect(replay(2)).toEqual(NO);
  });

  it('is checked before it is an entry', () => {
    const message = { ...conclude(NO), outcome: Buffer.of(1) } as SingleMessage;
    expect(() => decodeTransaction(encodeTransaction(message))).toThrow();
    expect(decodeTransaction(encodeTransaction(conclude(NO)))).toEqual(conclude(NO));
  });
});
