/** The values in one answer have a limit together, which is part of what an entry means: it holds where it is applied. */
import { beforeAll, describe, expect, it } from 'vitest';
import { MAX_ANSWER_BYTES, MAX_VALUE_BYTES } from '../../src/shard/bounds.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { stringKey } from '../../src/shard/keys/encoder.js';
import { encodeProgramCommand } from '../../src/shard/machine/command.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import { decodeOutcome, encodeProgram } from '../../src/shard/program-codec.js';
import type { Program, Step } from '../../src/shard/program.js';
import { decodeTransaction, encodeTransaction } from '../../src/shard/transaction-codec.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const MIB = 1024 * 1024;
const base = { condition: { type: 'none' }, returning: 'nothing' } as const;
const put = (key: string, bytes: number, returning: Step['returning'] = 'nothing'): Step => ({
  ...{ type: 'put', key: stringKey(key), body: new Uint8Array(bytes), contentType: 'a/b', expiry: { type: 'none' } },
  ...{ condition: { type: 'none' }, returning },
});
const get = (key: string): Step => ({ type: 'get', key: stringKey(key), ...base });
const program = (then: readonly Step[], onError: Program['onError'] = 'fail'): Program => ({
  ...{ comparisons: [], then, otherwise: [], onError, valueLimit: MAX_VALUE_BYTES },
});
const tooLarge = { code: 'value-too-large', details: { field: 'results', limit: MAX_ANSWER_BYTES } };

class Lab {
  readonly machine = new KvMachine(new MapStateStore());
  index = 0;

  apply(given: Program) {
    const operationId = Buffer.alloc(16);
    operationId.writeUInt32BE((this.index += 1), 0);
    const write = { type: 'program', key: stringKey(''), body: encodeProgram(given), operationId } as const;
    const answer = this.machine.apply(this.index, encodeProgramCommand({ ...write, attempt: 'initial' }, 1_000));
    if (answer?.type !== 'program') throw new Error('not answered');
    return decodeOutcome(answer.outcome);
  }

  read(given: Program) {
    return decodeOutcome(this.machine.read(encodeProgram(given), this.index));
  }

  bytes(key: string): number | undefined {
    return this.machine.get(stringKey(key))?.body.length;
  }
}

const KEYS = ['a', 'b', 'c', 'd'];
function filled(bytes: number): Lab {
  const lab = new Lab();
  for (const key of KEYS) lab.apply(program([put(key, bytes)]));
  return lab;
}

describe('row 50 the values of one answer', () => {
  it('have up to the limit together, in an entry and in a read', () => {
    const lab = filled(MAX_ANSWER_BYTES / 4);
    for (const outcome of [lab.read(program(KEYS.map(get))), lab.apply(program(KEYS.map(get)))]) {
      expect(outcome).toMatchObject({ results: KEYS.map(() => ({ record: { contentType: 'a/b' } })) });
    }
    lab.apply(program([put('d', MAX_ANSWER_BYTES / 4 + 1)]));
    const refusal = { ...tooLarge, outcome: 'not_applied', details: { field: 'ops[3]', limit: MAX_ANSWER_BYTES } };
    expect(lab.read(program(KEYS.map(get)))).toMatchObject(refusal);
    expect(lab.apply(program([put('e', 1), ...KEYS.map(get)]))).toMatchObject({ code: 'value-too-large' });
    expect(lab.bytes('e')).toBeUndefined();
  });

  it('one step that has no room has done nothing, where others go on', () => {
    const lab = filled(3 * MIB);
    const replaced = KEYS.map((key) => put(key, 1, 'previous'));
    const outcome = lab.apply(program([...replaced, put('e', 1)], 'continue'));
    expect(outcome).toMatchObject({
      results: [{ type: 'write' }, { type: 'write' }, tooLarge, tooLarge, { type: 'write' }],
    });
    expect([...KEYS, 'e'].map((key) => lab.bytes(key))).toEqual([1, 1, 3 * MIB, 3 * MIB, 1]);
    expect(lab.apply(program(KEYS.map((key) => put(key, 3 * MIB, 'value'))))).toMatchObject({
      code: 'value-too-large',
    });
    expect(lab.bytes('a')).toBe(1);
  });

  it('a single value is answered, however long it is', () => {
    const lab = new Lab();
    expect(lab.apply(program([put('a', MAX_VALUE_BYTES, 'value')]))).toMatchObject({ results: [{ type: 'write' }] });
    const outcome = lab.read(program([get('a'), get('a')], 'continue'));
    expect(outcome).toMatchObject({ results: [{ record: { revision: 1 } }, tooLarge] });
  });
});

describe('a part of a transaction over shards', () => {
  const id = Buffer.alloc(16, 7);
  const prepare = (lab: Lab, answerLimit: number | undefined, onError: Program['onError'] = 'fail') => {
    const then = [put('a', 1), ...['b', 'c'].map(get), put('d', 1, 'previous')];
    const part = { program: program(then, onError), thenAt: [0, 1, 2, 3], otherwiseAt: [] };
    return transact(lab, {
      ...{ phase: 'prepare', participants: [0, 1], client: undefined, waits: false },
      part: { ...part, hasComparisons: false, hasOtherwise: false, answerLimit },
    });
  };
  const transact = (lab: Lab, message: Parameters<typeof encodeTransaction>[0]) => {
    const body = encodeTransaction(message);
    expect(encodeTransaction(decodeTransaction(body))).toEqual(body);
    const write = { type: 'transaction', key: new Uint8Array(0), shard: 0, body, operationId: id } as const;
    const command = encodeProgramCommand({ ...write, attempt: 'initial' }, 1_000);
    const answer = lab.machine.apply((lab.index += 1), command);
    if (answer?.type !== 'program') throw new Error('not answered');
    return answer.outcome;
  };

  it('votes no where its values are longer than its share, and holds nothing', () => {
    const lab = filled(MIB);
    expect(Buffer.from(prepare(lab, 3 * MIB - 1)).toString('latin1')).toContain('value-too-large');
    expect(lab.machine.openTransactions()).toEqual([]);
    expect(lab.bytes('a')).toBe(MIB);
  });

  it('has no more than the whole', () => {
    const lab = filled(1);
    expect(() => prepare(lab, MAX_ANSWER_BYTES + 1)).toThrow('for the values of an answer');
  });

  it('votes yes up to its share, and applies what it voted for', () => {
    const lab = filled(MIB);
    expect(prepare(lab, 3 * MIB).length).toBeGreaterThan(3 * MIB);
    expect(lab.machine.openTransactions()).toHaveLength(1);
    transact(lab, { phase: 'decide', decision: 'then', outcome: undefined });
    expect(['a', 'd'].map((key) => lab.bytes(key))).toEqual([1, 1]);
  });

  it('a step that had no room at the vote has none when it is applied', () => {
    const lab = filled(MIB);
    prepare(lab, 2 * MIB, 'continue');
    transact(lab, { phase: 'decide', decision: 'then', outcome: undefined });
    expect(['a', 'd'].map((key) => lab.bytes(key))).toEqual([1, MIB]);
  });
});
