/** Prepares that wait for the keys of other transactions: in the state machine, and in the queue of a leader. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { commandAgain, encodeCommand, encodeProgramCommand } from '../../src/shard/machine/command.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import { BlockedOperations } from '../../src/shard/node/blocked.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { stringKey } from '../../src/shard/keys/encoder.js';
import type { Step } from '../../src/shard/program.js';
import { decodeTransactionReply, encodeTransaction } from '../../src/shard/transaction-codec.js';
import type { TransactionMessage, TransactionReply } from '../../src/shard/transaction.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const TIME = 1_000_000;
const base = { condition: { type: 'none' }, returning: 'nothing' } as const;
const put = (key: string): Step => ({
  ...{ type: 'put', key: stringKey(key), body: Buffer.from('new'), contentType: 'text/plain' },
  ...{ expiry: { type: 'none' }, ...base },
});

function prepare(waits: boolean, ...keys: readonly string[]): TransactionMessage {
  const program = { comparisons: [], then: keys.map(put), otherwise: [], onError: 'fail', valueLimit: 10 } as const;
  const part = { program, thenAt: keys.map((_, i) => i), otherwiseAt: [], hasComparisons: false, hasOtherwise: false };
  return { phase: 'prepare', participants: [0, 1], part, client: undefined, waits };
}
const ABORT: TransactionMessage = { phase: 'decide', decision: 'abort', outcome: undefined };

/** The entry of what is said about transaction `id`. */
const entry = (id: number, message: TransactionMessage): Uint8Array =>
  encodeProgramCommand(
    {
      ...{ type: 'transaction', key: new Uint8Array(0), shard: 0, body: encodeTransaction(message) },
      ...{ operationId: Buffer.alloc(16, id), attempt: 'initial' },
    },
    TIME,
  );
const plain = (id: number, key: string): Uint8Array =>
  encodeCommand(
    {
      ...{ type: 'put', key: stringKey(key), body: Buffer.from('x'), contentType: '', condition: { type: 'none' } },
      ...{ operationId: Buffer.alloc(16, id), attempt: 'initial' },
    },
    TIME,
  );

let machine: KvMachine;
let index: number;

beforeEach(() => {
  machine = new KvMachine(new MapStateStore(), { maxDedupEntries: 2 });
  index = 0;
});

/** Undefined: it waits. */
function apply(data: Uint8Array): TransactionReply | undefined {
  const answer = machine.apply(++index, data);
  if (answer === undefined) return undefined;
  if (answer.type !== 'program') throw new Error(`an answer of type ${answer.type}`);
  return decodeTransactionReply(answer.outcome);
}

describe('a prepare that meets a key of another transaction', () => {
  it('and does not wait, votes busy; one that waits changes nothing, and votes yes once the key is free', () => {
    expect(apply(entry(1, prepare(false, 'a')))).toMatchObject({ vote: { type: 'yes' } });
    expect(apply(entry(2, prepare(false, 'a', 'b')))).toMatchObject({ vote: { type: 'busy' } });
    const before = machine.stateHash();
    const waiting = entry(3, prepare(true, 'a', 'b'));
    expect(apply(waiting)).toBeUndefined();
    expect(machine.stateHash()).toBe(before);
    apply(entry(1, ABORT));
    expect(apply(commandAgain(waiting, TIME + 1))).toMatchObject({ vote: { type: 'yes' } });
    expect(apply(entry(4, prepare(false, 'b')))).toMatchObject({ vote: { type: 'busy' } });
  });

  it('votes aborted, and locks nothing, when it was aborted while it waited, also after that was forgotten', () => {
    apply(entry(1, prepare(false, 'a')));
    const waiting = entry(2, prepare(true, 'a'));
    expect(apply(waiting)).toBeUndefined();
    expect(apply(entry(2, ABORT))).toMatchObject({ type: 'decided', decision: 'abort' });
    apply(entry(1, ABORT));
    expect(apply(commandAgain(waiting, TIME))).toMatchObject({ vote: { type: 'aborted' } });
    // Two more ids push it out.
    machine.apply(++index, plain(5, 'x'));
    machine.apply(++index, plain(6, 'y'));
    expect(apply(commandAgain(waiting, TIME))).toMatchObject({ vote: { type: 'aborted' } });
    expect(apply(entry(7, prepare(false, 'a')))).toMatchObject({ vote: { type: 'yes' } });
  });
});

describe('what waits at a leader', () => {
  const waiter = { deadline: Infinity, read: undefined, done: (): void => undefined };

  it('is taken in order: what is free, and not needed by a prepare that came before', () => {
    apply(entry(1, prepare(false, 'locked')));
    const blocked = new BlockedOperations();
    const first = entry(2, prepare(true, 'locked', 'a'));
    const second = entry(3, prepare(true, 'a', 'b'));
    const third = entry(4, prepare(true, 'c'));
    const fourth = entry(5, prepare(true, 'c', 'd'));
    const write = plain(6, 'b');
    const free = plain(7, 'e');
    for (const data of [first, second, third, fourth, write, free]) blocked.addWrite(data, waiter);
    const take = (): Uint8Array[] => blocked.takeWrites(machine).map(({ data }) => data);
    expect(take()).toEqual([third, free]);
    expect(blocked.writes).toBe(4);
    // The third one has its keys.
    apply(third);
    expect(take()).toEqual([]);
    apply(entry(1, ABORT));
    apply(entry(4, ABORT));
    expect(take()).toEqual([first, fourth]);
    apply(first);
    expect(take()).toEqual([]);
    apply(entry(2, ABORT));
    expect(take()).toEqual([second]);
    apply(second);
    apply(entry(3, ABORT));
    expect(take()).toEqual([write]);
    expect(blocked.size).toBe(0);
  });
});
