/** Several messages about transactions in one entry: each is applied as it would be alone. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { encodeProgramCommand } from '../../src/shard/machine/command.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { stringKey } from '../../src/shard/keys/encoder.js';
import type { Attempt } from '../../src/shard/operation.js';
import type { Step } from '../../src/shard/program.js';
import { decodeTransaction, decodeTransactionReply, encodeTransaction } from '../../src/shard/transaction-codec.js';
import type { Enclosed, SingleMessage, TransactionMessage, TransactionReply } from '../../src/shard/transaction.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const TIME = 1_000_000;

function prepare(key: string, waits = false): SingleMessage {
  const then: Step[] = [
    {
      ...{ type: 'put', key: stringKey(key), body: Buffer.from('new'), contentType: 'text/plain' },
      ...{ expiry: { type: 'none' }, condition: { type: 'none' }, returning: 'nothing' },
    },
  ];
  const program = { comparisons: [], then, otherwise: [], onError: 'fail', valueLimit: 10 } as const;
  const part = { program, thenAt: [0], otherwiseAt: [], hasComparisons: false, hasOtherwise: false };
  return { phase: 'prepare', participants: [0, 1], part, client: undefined, waits };
}
const decide = (decision: 'then' | 'abort'): SingleMessage => ({ phase: 'decide', decision, outcome: undefined });
const idOf = (id: number): Uint8Array => Buffer.alloc(16, id);

const several = (...said: readonly (readonly [number, SingleMessage])[]): TransactionMessage => ({
  phase: 'several',
  enclosed: said.map(([id, message]): Enclosed => ({ id: idOf(id), message, body: encodeTransaction(message) })),
});

let machine: KvMachine;
let index: number;

beforeEach(() => {
  machine = new KvMachine(new MapStateStore(), { maxDedupEntries: 2 });
  index = 0;
});

function apply(message: TransactionMessage, attempt: Attempt = 'initial', id = 200): TransactionReply {
  const body = encodeTransaction(message);
  const transact = {
    type: 'transaction',
    key: new Uint8Array(0),
    shard: 0,
    body,
    operationId: idOf(id),
    attempt,
  } as const;
  const answer = machine.apply(++index, encodeProgramCommand(transact, TIME));
  if (answer?.type !== 'program') throw new Error('no answer');
  return decodeTransactionReply(answer.outcome);
}

const valueOf = (key: string): string | undefined => machine.get(stringKey(key))?.body.toString();

describe('several messages in one entry', () => {
  it('are applied in their order, under the revision of the entry, and each has its reply', () => {
    expect(apply(several([1, prepare('a')], [2, prepare('a')], [3, prepare('b')]))).toMatchObject({
      type: 'several',
      replies: [{ vote: { type: 'yes' } }, { vote: { type: 'busy' } }, { vote: { type: 'yes' } }],
    });
    const reply = apply(
      several([1, decide('then')], [4, prepare('a')], [3, decide('abort')], [9, { phase: 'inquire' }]),
    );
    expect(reply).toMatchObject({
      replies: [
        { type: 'decided', decision: 'then' },
        { vote: { type: 'yes' } },
        { type: 'decided', decision: 'abort' },
        { vote: { type: 'aborted' } },
      ],
    });
    expect([valueOf('a'), valueOf('b'), machine.get(stringKey('a'))?.revision]).toEqual(['new', undefined, 2]);
  });

  it('are answered with the index of the entry that decided, however often they are repeated, also after a restart', () => {
    const store = new MapStateStore();
    machine = new KvMachine(store);
    apply(several([1, prepare('a')], [2, prepare('b')]));
    const told = several([1, decide('then')], [2, decide('abort')]);
    const replies = [1, 2].map(() => ({ type: 'decided', revision: 2 }));
    expect(apply(told)).toMatchObject({ replies });
    machine.flush();
    machine = new KvMachine(store);
    machine.load();
    index = 5;
    expect(apply(told, 'retry')).toMatchObject({ replies });
    expect(apply({ phase: 'inquire' }, 'initial', 1)).toMatchObject({ type: 'decided', decision: 'then', revision: 2 });
  });

  it('leave the records and locks that they would leave one by one', () => {
    apply(several([1, prepare('a')], [2, prepare('b')]));
    apply(several([1, decide('then')], [2, decide('abort')], [5, { phase: 'forget', ids: [idOf(1), idOf(2)] }]));
    const store = new MapStateStore();
    const other = new KvMachine(store, { maxDedupEntries: 2 });
    const said: readonly (readonly [number, number, SingleMessage])[] = [
      ...([[1, 1, prepare('a')] as const, [1, 2, prepare('b')] as const] as const),
      ...([[2, 1, decide('then')] as const, [2, 2, decide('abort')] as const] as const),
      [2, 5, { phase: 'forget', ids: [idOf(1), idOf(2)] }],
    ];
    for (const [at, id, message] of said) {
      const body = encodeTransaction(message);
      const transact = { type: 'transaction', key: new Uint8Array(0), shard: 0, body, operationId: idOf(id) } as const;
      other.apply(at, encodeProgramCommand({ ...transact, attempt: 'initial' }, TIME));
    }
    expect(machine.stateHash()).toBe(other.stateHash());
  });

  it('have no second effect when the entry is repeated, also after what was said is forgotten', () => {
    const first = several([1, prepare('a')], [2, prepare('b')]);
    apply(first);
    expect(apply(first, 'retry')).toMatchObject({ replies: [{ vote: { type: 'yes' } }, { vote: { type: 'yes' } }] });
    apply(several([1, decide('abort')], [2, decide('abort')], [3, { phase: 'forget', ids: [idOf(1), idOf(2)] }]));
    // The table of two entries is full of others.
    for (const id of [11, 12, 13]) apply({ phase: 'inquire' }, 'initial', id);
    expect(apply(first, 'retry')).toMatchObject({
      replies: [{ vote: { type: 'aborted' } }, { vote: { type: 'aborted' } }],
    });
    expect(machine.openTransactions()).toEqual([]);
  });

  it('contain neither a prepare that waits nor several others', () => {
    for (const message of [several([1, prepare('a', true)]), several([1, several([2, decide('abort')]) as never])]) {
      expect(() => decodeTransaction(encodeTransaction(message))).toThrow('among several');
    }
  });
});
