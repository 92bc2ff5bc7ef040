/** Programs applied by the state machine: what each step does, what a failure undoes, and what a replay answers. */
import { beforeAll, describe, expect, it } from 'vitest';
import { encodeExpireCommand, encodeProgramCommand } from '../../src/shard/machine/command.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { stringKey } from '../../src/shard/keys/encoder.js';
import type { Answer, Attempt, Refusal } from '../../src/shard/operation.js';
import { decodeOutcome, encodeProgram } from '../../src/shard/program-codec.js';
import type { Comparison, Program, ProgramOutcome, Step, StepResult } from '../../src/shard/program.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const base = { condition: { type: 'none' }, returning: 'nothing' } as const;
const text = (value: string): Uint8Array => Buffer.from(value);
const put = (key: string, value: string, more: Partial<Extract<Step, { type: 'put' }>> = {}): Step => ({
  ...{ type: 'put', key: stringKey(key), body: text(value), contentType: 'text/plain', expiry: { type: 'none' } },
  ...base,
  ...more,
});
const get = (key: string): Step => ({ type: 'get', key: stringKey(key), ...base });
const del = (key: string): Step => ({ type: 'delete', key: stringKey(key), ...base });
const add = (key: string, by: bigint, more: Partial<Extract<Step, { type: 'increment' }>> = {}): Step => ({
  ...{ type: 'increment', key: stringKey(key), by, initial: 0n, min: undefined, max: undefined, clamp: false },
  ...{ ttlMs: undefined, ...base, ...more },
});
const program = (then: readonly Step[], more: Partial<Program> = {}): Program => ({
  ...{ comparisons: [], then, otherwise: [], onError: 'fail', valueLimit: 1_000, ...more },
});

/** A machine with a clock, to which programs are applied one after the other. */
class Lab {
  readonly store = new MapStateStore();
  machine = new KvMachine(this.store);
  index = 0;
  nowMs = 1_000_000;

  apply(given: Program, id = ++this.#ids, attempt: Attempt = 'initial'): Answer {
    const operationId = Buffer.alloc(16);
    operationId.writeUInt32BE(id, 0);
    const body = encodeProgram(given);
    const write = { type: 'program', key: stringKey(''), body, operationId, attempt } as const;
    const answer = this.machine.apply(++this.index, encodeProgramCommand(write, this.nowMs));
    if (answer === undefined) throw new Error('the program met a key of a transaction');
    return answer;
  }
  #ids = 0;

  outcome(given: Program): ProgramOutcome | Refusal {
    return outcomeOf(this.apply(given));
  }

  results(...steps: readonly Step[]): readonly StepResult[] {
    const outcome = this.outcome(program(steps));
    if ('code' in outcome) throw new Error(`refused: ${outcome.code} ${outcome.message}`);
    return outcome.results;
  }

  refusal(...steps: readonly Step[]): Refusal {
    const outcome = this.outcome(program(steps));
    if (!('code' in outcome)) throw new Error('the program was not refused');
    return outcome;
  }

  expire(...keys: readonly string[]): void {
    this.machine.apply(++this.index, encodeExpireCommand(keys.map(stringKey), this.nowMs));
  }

  value(key: string): string | undefined {
    const record = this.machine.get(stringKey(key));
    return record && Buffer.from(record.body).toString();
  }

  /** As after a restart, from the rows of a checkpoint. */
  reload(): void {
    this.machine.flush();
    const hash = this.machine.stateHash();
    this.machine = new KvMachine(this.store);
    this.machine.load();
    expect(this.machine.stateHash()).toBe(hash);
  }
}

function outcomeOf(answer: Answer): ProgramOutcome | Refusal {
  if (answer.type === 'refused') return answer;
  if (answer.type !== 'program') throw new Error(`an answer of type ${answer.type}`);
  return decodeOutcome(answer.outcome);
}

describe('a program', () => {
  it('runs its steps in order, each on what those before it did', () => {
    const lab = new Lab();
    const results = lab.results(put('a', '1'), add('a', 2n), get('a'), del('a'), get('a'), put('a', 'x'));
    expect(results).toMatchObject([
      { type: 'write', revision: 1, version: 1, created: true },
      { type: 'write', version: 2, created: false, number: 3n, applied: 2n },
      { type: 'get', record: { version: 2, createRevision: 1 } },
      { type: 'delete', deleted: true },
      { type: 'get', record: undefined },
      { type: 'write', version: 1, created: true },
    ]);
    expect(lab.value('a')).toBe('x');
    expect(lab.machine.keyCount).toBe(1);
  });

  it('that fails has changed nothing, whichever step failed; the refusal names it', () => {
    const lab = new Lab();
    lab.results(put('a', 'no number'), put('b', '1'));
    const before = [lab.machine.keyCount, lab.value('b')];
    expect(lab.refusal(put('b', '2'), del('b'), put('c', '3'), add('a', 1n))).toMatchObject({
      ...{ code: 'wrong-type', outcome: 'not_applied', details: { field: 'ops[3]' } },
    });
    expect([lab.machine.keyCount, lab.value('b')]).toEqual(before);
    expect(lab.value('c')).toBeUndefined();
  });

  it('goes on past a step that fails where it is told to', () => {
    const lab = new Lab();
    lab.results(put('a', 'no number'));
    const outcome = lab.outcome(program([put('b', '2'), add('a', 1n), put('c', '3')], { onError: 'continue' }));
    expect(outcome).toMatchObject({
      results: [{ type: 'write' }, { type: 'failed', code: 'wrong-type' }, { type: 'write' }],
    });
    expect([lab.value('a'), lab.value('b'), lab.value('c')]).toEqual(['no number', '2', '3']);
  });

  it('chooses its steps by the state before it', () => {
    const lab = new Lab();
    lab.results(put('a', '1'));
    const key = stringKey('a');
    const holds: Comparison[] = [
      { key, type: 'exists' },
      { key, type: 'revision', revision: 1 },
      { key, type: 'version', version: 1 },
      { key, type: 'value', json: false, value: text('1') },
      { key, type: 'unchanged-since', revision: 1 },
      { key: stringKey('none'), type: 'absent' },
      { key: stringKey('none'), type: 'version', version: 0 },
    ];
    const fails: Comparison[] = [
      { key, type: 'absent' },
      { key, type: 'revision', revision: 2 },
      { key, type: 'version', version: 0 },
      { key, type: 'value', json: false, value: text('2') },
      { key, type: 'value', json: true, value: text('1') },
      { key, type: 'unchanged-since', revision: 0 },
      { key: stringKey('none'), type: 'exists' },
      { key: stringKey('none'), type: 'value', json: false, value: text('') },
    ];
    const chosen = (comparisons: Comparison[]): unknown => {
      const outcome = lab.outcome(program([get('a')], { comparisons, otherwise: [get('b'), get('b')] }));
      return 'code' in outcome ? outcome.code : [outcome.succeeded, outcome.results.length];
    };
    expect(chosen(holds)).toEqual([true, 1]);
    for (const each of holds) expect([each.type, chosen([each])]).toEqual([each.type, [true, 1]]);
    for (const each of fails)
      expect([each.type, chosen([holds[0] as Comparison, each])]).toEqual([each.type, [false, 2]]);
  });

  it('answers a replay as it did the first time, and changes nothing; a shortened answer says so', () => {
    const lab = new Lab();
    const once = program([add('n', 1n), put('long', 'x'.repeat(900), { returning: 'value' })]);
    const first = lab.apply(once, 77, 'keyed');
    expect(lab.apply(once, 77, 'keyed-retry')).toEqual({ ...first, replayed: true });
    lab.reload();
    expect(lab.apply(once, 77, 'keyed')).toEqual({ ...first, replayed: true });
    expect(lab.value('n')).toBe('1');
    const large = program([add('n', 1n), ...Array.from({ length: 5 }, () => get('long'))]);
    expect(outcomeOf(lab.apply(large, 78, 'keyed'))).toMatchObject({ omitted: false, results: { length: 6 } });
    expect(outcomeOf(lab.apply(large, 78, 'keyed'))).toMatchObject({ omitted: true, succeeded: true, results: [] });
    expect(lab.value('n')).toBe('2');
    expect(lab.apply(once, 78, 'keyed')).toMatchObject({ code: 'idempotency-key-reused' });
  });

  it('patches a bounded number of bytes, so that one entry does not hold up a shard; one patch always fits', () => {
    const lab = new Lab();
    const json = Buffer.from(JSON.stringify({ a: 'x'.repeat(1_500_000) }));
    const limits = { valueLimit: 4_000_000 };
    const whole = { body: json, contentType: 'application/json' };
    lab.outcome(program([put('a', '', whole), put('b', '', whole)], limits));
    const patch = (key: string): Step => ({ type: 'merge-patch', key: stringKey(key), body: text('{"b":1}'), ...base });
    expect(lab.outcome(program([patch('a')], limits))).toMatchObject({ succeeded: true });
    expect(lab.outcome(program([patch('a'), patch('b')], { ...limits, onError: 'continue' }))).toMatchObject({
      results: [{ type: 'write' }, { type: 'failed', code: 'value-too-large', details: { field: 'ops' } }],
    });
  });

  it('is found by a retry through a router that does not say who made its id', () => {
    const lab = new Lab();
    const once = program([add('n', 1n)]);
    const first = lab.apply(once, 90, 'keyed');
    for (const attempt of ['retry', 'client-keyed'] as const) {
      expect(lab.apply(once, 90, attempt)).toEqual({ ...first, replayed: true });
    }
    expect(lab.value('n')).toBe('1');
  });

  it('that was refused is refused again, though it would succeed by now', () => {
    const lab = new Lab();
    lab.results(put('a', 'no number'));
    const refused = lab.apply(program([add('a', 1n)]), 5, 'keyed');
    expect(outcomeOf(refused)).toMatchObject({ code: 'wrong-type' });
    lab.results(put('a', '1'));
    expect(lab.apply(program([add('a', 1n)]), 5, 'keyed-retry')).toEqual({ ...refused, replayed: true });
    expect(lab.value('a')).toBe('1');
  });
});

describe('deadlines', () => {
  it('a key that an entry names twice is removed once', () => {
    const lab = new Lab();
    const expiry = { type: 'after', ms: 100 } as const;
    lab.results(put('a', '1', { expiry }), put('b', '1'));
    lab.nowMs += 100;
    lab.expire('a', 'a');
    expect([lab.value('a'), lab.machine.keyCount]).toEqual([undefined, 1]);
  });

  it('a key stays until an entry removes it: one that expires it when it is due, or a write that meets it', () => {
    const lab = new Lab();
    lab.results(
      put('a', '1', { expiry: { type: 'after', ms: 100 } }),
      put('b', '1', { expiry: { type: 'after', ms: 100 } }),
    );
    expect(lab.machine.get(stringKey('a'))?.expiresAtMs).toBe(lab.nowMs + 100);
    lab.nowMs += 99;
    lab.expire('a');
    expect(lab.value('a')).toBe('1');
    expect(lab.machine.dueKeys(lab.nowMs, 10)).toEqual([]);
    lab.nowMs += 1;
    expect(lab.machine.dueKeys(lab.nowMs, 10)).toEqual([stringKey('a'), stringKey('b')]);
    expect(lab.value('a')).toBe('1');
    lab.reload();
    lab.expire('a');
    expect(lab.value('a')).toBeUndefined();
    expect(lab.results(put('b', '2'))).toMatchObject([{ created: true, version: 1 }]);
    expect([lab.machine.dueKeys(lab.nowMs, 10), lab.machine.earliestExpiryMs]).toEqual([[], Infinity]);
  });

  it('are cleared by a put, kept where asked for, and moved by a touch; an increment sets one at the creation only', () => {
    const lab = new Lab();
    const expiresAt = (key: string): number | undefined => lab.machine.get(stringKey(key))?.expiresAtMs;
    const at = lab.nowMs;
    const answered = lab.results(put('a', '1', { expiry: { type: 'after', ms: 500 } }), add('n', 1n, { ttlMs: 300 }));
    expect(answered).toMatchObject([{ expiresAtMs: lab.nowMs + 500 }, { expiresAtMs: lab.nowMs + 300 }]);
    lab.nowMs += 10;
    lab.results(put('a', '2', { expiry: { type: 'keep' } }), add('n', 1n, { ttlMs: 300 }));
    expect([expiresAt('a'), expiresAt('n')]).toEqual([at + 500, at + 300]);
    lab.results({ type: 'touch', key: stringKey('a'), ttlMs: 700, ...base });
    expect(expiresAt('a')).toBe(at + 10 + 700);
    lab.results({ type: 'touch', key: stringKey('n'), ttlMs: undefined, ...base });
    expect(expiresAt('n')).toBeUndefined();
    lab.results(put('a', '3'));
    expect([expiresAt('a'), lab.machine.earliestExpiryMs]).toEqual([undefined, Infinity]);
  });
});

describe('deletions', () => {
  it('nothing happened to an absent key since the revision at which it was deleted, but since the one before', () => {
    const lab = new Lab();
    lab.results(put('a', '1'), put('b', '1', { expiry: { type: 'after', ms: 5 } }));
    lab.results(del('a'));
    lab.nowMs += 5;
    lab.expire('b');
    lab.reload();
    const since = (key: string, revision: number): boolean => {
      const comparisons = [{ type: 'unchanged-since', key: stringKey(key), revision } as const];
      const outcome = lab.outcome(program([get(key)], { comparisons, otherwise: [get(key)] }));
      return 'code' in outcome ? false : outcome.succeeded;
    };
    expect([since('a', 1), since('a', 2), since('b', 2), since('b', 3), since('never', 1)]).toEqual([
      ...[false, true, false, true, true],
    ]);
  });
});

describe('the content type', () => {
  const append = (key: string, value: string, contentType?: string): Step => ({
    ...{ type: 'append', key: stringKey(key), body: text(value), ...(contentType && { contentType }) },
    ...base,
  });
  const typed = (key: string, value: string, contentType: string): Step => put(key, value, { contentType });

  it('of a number that an increment creates is JSON, so that a comparison as JSON finds it', () => {
    const lab = new Lab();
    expect(lab.results(add('n', 5n), get('n'))[1]).toMatchObject({ record: { contentType: 'application/json' } });
    const isFive = { type: 'value', key: stringKey('n'), json: true, value: text('5.0') } as const;
    expect(lab.outcome(program([get('n')], { comparisons: [isFive] }))).toMatchObject({ succeeded: true });
  });

  it('of a value that an append creates is as asked, and bytes otherwise; another append leaves it', () => {
    const lab = new Lab();
    lab.results(append('a', '1', 'text/plain'), append('a', '2', 'text/css'), append('b', '1'));
    expect(lab.results(get('a'), get('b'))).toMatchObject([
      { record: { contentType: 'text/plain' } },
      { record: { contentType: 'application/octet-stream' } },
    ]);
    expect(lab.value('a')).toBe('12');
  });

  it.each(['application/json', 'Application/JSON; charset=utf-8', 'application/vnd.kvorum.v8'])(
    '%s keeps bytes from being appended',
    (contentType) => {
      const lab = new Lab();
      lab.results(typed('k', '1', contentType));
      expect(lab.refusal(append('k', ']'))).toMatchObject({ code: 'wrong-type', details: { field: 'value' } });
      expect(lab.results(get('k'))[0]).toMatchObject({ record: { contentType } });
      expect(lab.value('k')).toBe('1');
    },
  );

  it.each(['text/plain', 'application/json-seq', 'application/octet-stream'])('%s does not', (contentType) => {
    const lab = new Lab();
    lab.results(typed('k', '1', contentType), append('k', '2'));
    expect(lab.results(get('k'))[0]).toMatchObject({ record: { contentType } });
    expect(lab.value('k')).toBe('12');
  });
});
