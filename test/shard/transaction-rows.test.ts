/** Rows of transactions: written only by a flush, and the same whenever that was; what is reloaded decides the same. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import { encodeProgramCommand } from '../../src/shard/machine/command.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { stringKey } from '../../src/shard/keys/encoder.js';
import type { Step } from '../../src/shard/program.js';
import { decodeTransactionReply, encodeTransaction } from '../../src/shard/transaction-codec.js';
import type { SingleMessage, TransactionReply } from '../../src/shard/transaction.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const SPACE = '\u0003';
const KEYS = Array.from({ length: 12 }, (_, at) => `key${at}`);
const idOf = (id: number): Uint8Array => {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(id);
  return bytes;
};

const base = { condition: { type: 'none' }, returning: 'value' } as const;
const increment = (key: string): Step => ({
  ...{
    type: 'increment',
    key: stringKey(key),
    by: 1n,
    initial: 5n,
    min: 0n,
    max: 1_000n,
    clamp: true,
    ttlMs: undefined,
  },
  ...base,
});
const append = (key: string, text: string): Step => ({
  ...{ type: 'append', key: stringKey(key), body: Buffer.from(text), contentType: 'text/plain', ...base },
});
const drop = (key: string): Step => ({ type: 'delete', key: stringKey(key), ...base });

type OnError = 'fail' | 'continue';

function prepare(then: readonly Step[], otherwise: readonly Step[] = [], onError: OnError = 'fail'): SingleMessage {
  const program = { comparisons: [], then, otherwise, onError, valueLimit: 1_000 } as const;
  const hasOtherwise = otherwise.length > 0;
  const [thenAt, otherwiseAt] = [then.map((_, at) => at), otherwise.map((_, at) => at)];
  const part = { program, thenAt, otherwiseAt, hasComparisons: hasOtherwise, hasOtherwise };
  return { phase: 'prepare', participants: [0, 1], part, client: undefined, waits: false };
}

class Replica {
  store = new MapStateStore();
  machine = new KvMachine(this.store);

  apply(index: number, id: number, message: SingleMessage): TransactionReply {
    const operation = { type: 'transaction', key: new Uint8Array(0), shard: 0, attempt: 'initial' } as const;
    const body = encodeTransaction(message);
    const data = encodeProgramCommand({ ...operation, body, operationId: idOf(id) }, 1_000_000 + index);
    const answer = this.machine.apply(index, data);
    if (answer?.type !== 'program') throw new Error('no answer');
    return decodeTransactionReply(answer.outcome);
  }

  /** As after a restart from a checkpoint. */
  restart(): void {
    this.machine.flush();
    this.machine = new KvMachine(this.store);
    this.machine.load();
  }

  get rows(): number {
    return [...this.store.scan(SPACE)].length;
  }

  get state(): unknown {
    const records = KEYS.map((key) => this.machine.get(stringKey(key)));
    const open = [...this.machine.openTransactions()].sort((a, b) => Buffer.compare(a.id, b.id));
    return [this.machine.stateHash(), open, records];
  }
}

describe('rows of transactions', () => {
  it('are written by a flush, and only of those that are open then', () => {
    const replica = new Replica();
    replica.apply(1, 1, prepare([increment('key0')]));
    replica.apply(2, 2, prepare([increment('key1')]));
    expect(replica.rows).toBe(0);
    replica.apply(3, 2, { phase: 'decide', decision: 'then', outcome: undefined });
    replica.apply(4, 2, { phase: 'forget', ids: [idOf(2)] });
    replica.machine.flush();
    expect(replica.rows).toBe(1);
    replica.apply(5, 1, { phase: 'decide', decision: 'abort', outcome: undefined });
    replica.restart();
    expect([replica.rows, replica.machine.openTransactions()]).toMatchObject([1, [{ decision: 'abort' }]]);
    replica.apply(6, 1, { phase: 'forget', ids: [idOf(1)] });
    expect(replica.rows).toBe(1);
    replica.machine.flush();
    expect(replica.rows).toBe(0);
  });

  it('are evaluated anew where a condition may be on the revision of the decision, with and without a restart', () => {
    const [one, restarted] = [new Replica(), new Replica()];
    const guess: Step = { ...increment('key0'), condition: { type: 'revision', revision: 2 } };
    for (const replica of [one, restarted]) replica.apply(1, 1, prepare([increment('key0'), guess], [], 'continue'));
    restarted.restart();
    for (const replica of [one, restarted]) {
      replica.apply(2, 1, { phase: 'decide', decision: 'then', outcome: undefined });
      expect(replica.machine.get(stringKey('key0'))).toMatchObject({ revision: 2, version: 2 });
    }
    expect(restarted.state).toEqual(one.state);
  });

  it.each([4, 5, 6, 9])('and what decisions do are the same wherever and whenever they are: seed %i', (seed) => {
    const random = new Random(seed);
    const [never, flushing, restarting] = [new Replica(), new Replica(), new Replica()];
    const steps = [increment, drop, (key: string) => append(key, 'x')];
    /** Some conditions are on revisions that an entry of this run may have, also on that of the decision. */
    const some = (index: number): Step[] =>
      Array.from({ length: random.integer(1, 3) }, () => {
        const step = random.pick(steps)(random.pick(KEYS));
        const revision = Math.max(0, index + random.integer(0, 4));
        return random.integer(1, 3) === 1 ? { ...step, condition: { type: 'revision', revision } } : step;
      });
    const onError = (): OnError => random.pick(['fail', 'continue']);
    const open: number[] = [];
    /** A decision about one of the last transactions, decided or not, or a prepare. */
    const next = (index: number): [number, SingleMessage] => {
      if (open.length < 3 || random.integer(1, 10) <= 4) {
        return [index, prepare(some(index), random.integer(0, 1) === 0 ? [] : some(index), onError())];
      }
      const id = random.pick(open.slice(-6));
      if (random.integer(1, 5) === 1) return [id, { phase: 'forget', ids: [idOf(id)] }];
      return [id, { phase: 'decide', decision: random.pick(['then', 'otherwise', 'abort']), outcome: undefined }];
    };
    let votes = 0;
    for (let index = 1; index <= 1_000; index++) {
      const [id, message] = next(index);
      const [reply, ...others] = [never, flushing, restarting].map((replica) => replica.apply(index, id, message));
      for (const other of others) expect(other).toEqual(reply);
      if (message.phase === 'prepare' && reply?.type === 'vote' && reply.vote.type === 'yes') {
        votes++;
        open.push(id);
      }
      if (random.integer(1, 10) === 1) flushing.machine.flush();
      if (random.integer(1, 10) === 1) restarting.restart();
      const hashes = [flushing, restarting].map(({ machine }) => machine.stateHash());
      expect(hashes).toEqual(hashes.map(() => never.machine.stateHash()));
      if (index % 20 > 0) continue;
      expect(flushing.state).toEqual(never.state);
      expect(restarting.state).toEqual(never.state);
    }
    expect(votes).toBeGreaterThan(60);
    never.machine.flush();
    flushing.machine.flush();
    restarting.machine.flush();
    const rows = ({ store }: Replica): unknown => [...store.scan(SPACE)];
    expect(rows(flushing)).toEqual(rows(never));
    expect(rows(restarting)).toEqual(rows(never));
  });
});
