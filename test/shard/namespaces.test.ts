/** Namespaces in the state machine: counters that are exact after every entry, and limits that none passes. */
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadHash, shardOfKey } from '../../src/shard/keys/hash.js';
import { bytesKey, stringKey } from '../../src/shard/keys/encoder.js';
import { inNamespace, isNamespaceName, namespaceKey, userKeyOf } from '../../src/shard/namespace.js';
import { FIRST_KEY } from '../../src/shard/keys/range.js';
import { WireError } from '../../src/shard/byte-buffer.js';
import { MAX_KEY_BYTES } from '../../src/shard/bounds.js';
import { encodeProgram } from '../../src/shard/program-codec.js';
import type { Step } from '../../src/shard/program.js';
import { keyIn, NamespaceLab, steps } from '../support/namespace-lab.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const { create, remove, put, append, get, del } = steps;
let lab: NamespaceLab;
beforeEach(() => {
  lab = new NamespaceLab();
});

describe('keys of a namespace', () => {
  it('are in the shard of its name, whatever they are', () => {
    const shard = shardOfKey(namespaceKey('orders'), 64);
    for (const key of ['', 'a', '{tag}b', 'c'.repeat(MAX_KEY_BYTES)]) {
      expect(shardOfKey(keyIn('orders', key), 64)).toBe(shard);
    }
    const shards = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => shardOfKey(namespaceKey(name), 64));
    expect(new Set(shards).size).toBeGreaterThan(1);
  });

  it('are the key that the user wrote, behind the prefix, before every key of the main keyspace', () => {
    const key = keyIn('a-1', 'x\0y');
    expect(userKeyOf(key)).toEqual(stringKey('x\0y'));
    expect(userKeyOf(stringKey('x'))).toEqual(stringKey('x'));
    expect(Buffer.compare(inNamespace(namespaceKey('z'.repeat(63)), bytesKey(Buffer.alloc(9, 255))), FIRST_KEY)).toBe(
      -1,
    );
  });

  it.each(['a', '0', 'a-', 'a--b', 'z'.repeat(63)])('%s is a name', (name) => {
    expect(isNamespaceName(name)).toBe(true);
  });

  it.each(['', '-a', 'A', 'a_b', 'a.b', 'ä', 'a\n', 'a\0', 'z'.repeat(64)])('%j is no name', (name) => {
    expect(isNamespaceName(name)).toBe(false);
    expect(() => namespaceKey(name)).toThrow('the name of a namespace');
  });

  it('have the longest length of any key besides the prefix', () => {
    expect(lab.code(create('n'.repeat(63)))).toBe('ok');
    expect(lab.code(put('n'.repeat(63), 'k'.repeat(MAX_KEY_BYTES), 'v'))).toBe('ok');
    expect(lab.machine.get(keyIn('n'.repeat(63), 'k'.repeat(MAX_KEY_BYTES)))?.version).toBe(1);
    const tooLong = inNamespace(namespaceKey('a'), Buffer.alloc(MAX_KEY_BYTES + 2, 0x40));
    expect(() => lab.code({ ...put('a', 'k', 'v'), key: tooLong })).toThrow(WireError);
  });
});

describe('a program', () => {
  it.each([
    ['a key without a name', [{ ...put('a', 'k', 'v'), key: Uint8Array.of(4, 0, 0x40) }]],
    ['a name without an end', [{ ...put('a', 'k', 'v'), key: Uint8Array.of(4, 0x61) }]],
    ['a namespace as a key', [{ ...put('a', 'k', 'v'), key: namespaceKey('a') }]],
    ['a key as a namespace', [{ ...create('a'), key: keyIn('a', 'k') }]],
    ['a namespace and a key', [create('a'), put('a', 'k', 'v')]],
    ['two namespaces', [create('a'), create('b')]],
    ['a namespace under a condition', [{ ...create('a'), condition: { type: 'absent' } }]],
  ] as [string, Step[]][])('with %s cannot be written', (_, then) => {
    const given = { comparisons: [], then, otherwise: [], onError: 'fail', valueLimit: 9 } as const;
    expect(() => encodeProgram(given)).toThrow(WireError);
  });

  it('on a key of no namespace fails, whatever it does', () => {
    for (const step of [put('a', 'k', 'v'), get('a', 'k'), del('a', 'k'), append('a', 'k', 'v'), remove('a')]) {
      expect(lab.code(step)).toBe('namespace-not-found');
    }
    const comparisons = [{ type: 'absent', key: keyIn('a', 'k') }] as const;
    expect(lab.run([], { comparisons })).toMatchObject({ code: 'namespace-not-found', outcome: 'not_applied' });
  });

  it('creates a namespace once, changes it, and removes it when it is empty', () => {
    expect(lab.run([create('a', { maxKeys: 1 })])).toMatchObject({ results: [{ created: true, revision: 1 }] });
    expect(lab.code(put('a', 'k', 'vw'))).toBe('ok');
    expect(lab.run([create('a')])).toMatchObject({ results: [{ created: false, revision: 3 }] });
    const without = { maxKeys: undefined, maxBytes: undefined };
    expect(lab.info('a')).toEqual({ createRevision: 1, revision: 3, keys: 1, bytes: 3, ...without });
    expect(lab.code(remove('a'))).toBe('namespace-not-empty');
    expect(lab.code(del('a', 'k'))).toBe('ok');
    expect(lab.info('a')).toMatchObject({ revision: 5, keys: 0, bytes: 0 });
    expect(lab.code(remove('a'))).toBe('ok');
    expect(lab.info('a')).toBeUndefined();
    expect(lab.code(get('a', 'k'))).toBe('namespace-not-found');
  });
});

describe('a limit', () => {
  it('of keys: one below, at it, and past it', () => {
    lab.run([create('a', { maxKeys: 2 })]);
    expect([1, 2, 3].map((key) => lab.code(put('a', `${key}`, 'v')))).toEqual(['ok', 'ok', 'quota-exceeded']);
    expect(lab.code(put('a', '2', 'longer'))).toBe('ok');
    expect(lab.code(del('a', '1'))).toBe('ok');
    expect(lab.code(put('a', '3', 'v'))).toBe('ok');
    expect(lab.info('a')).toMatchObject({ keys: 2, bytes: 9 });
  });

  it('of bytes: one below, at it, and past it, also by overwrites', () => {
    lab.run([create('a', { maxBytes: 10 })]);
    expect(lab.code(put('a', 'k', '12345678'))).toBe('ok');
    expect(lab.code(append('a', 'k', '9'))).toBe('ok');
    expect(lab.info('a')).toMatchObject({ bytes: 10 });
    expect(lab.code(append('a', 'k', '0'))).toBe('quota-exceeded');
    expect(lab.code(put('a', 'k', '1234567890'))).toBe('quota-exceeded');
    expect(lab.code(put('a', '', ''))).toBe('ok');
    expect(lab.run([put('a', 'l', '')])).toMatchObject({
      ...{ code: 'quota-exceeded', outcome: 'not_applied', details: { field: 'max_bytes', limit: 10 } },
    });
  });

  it('that was lowered below what is there refuses what adds, and nothing else', () => {
    lab.run([create('a')]);
    for (const key of ['1', '2', '3']) lab.run([put('a', key, '12')]);
    lab.run([create('a', { maxKeys: 1, maxBytes: 3 })]);
    expect(lab.code(put('a', '4', ''))).toBe('quota-exceeded');
    expect(lab.code(put('a', '1', '123'))).toBe('quota-exceeded');
    expect(lab.code(put('a', '1', '1'))).toBe('ok');
    expect(lab.code(del('a', '2'))).toBe('ok');
    expect(lab.info('a')).toMatchObject({ keys: 2, bytes: 5 });
  });

  it('counts what the steps before have added, and what they have freed', () => {
    lab.run([create('a', { maxKeys: 2 })]);
    expect(lab.code(put('a', '1', 'v'), put('a', '2', 'v'), put('a', '3', 'v'))).toBe('quota-exceeded');
    expect(lab.info('a')).toMatchObject({ keys: 0, bytes: 0 });
    expect(lab.code(put('a', '1', 'v'), put('a', '2', 'v'), del('a', '1'), put('a', '3', 'v'))).toBe('ok');
    const outcome = lab.run([put('a', '4', 'v'), del('a', '2'), put('a', '5', 'v')], { onError: 'continue' });
    expect(outcome).toMatchObject({ results: [{ code: 'quota-exceeded' }, { deleted: true }, { type: 'write' }] });
    expect(lab.info('a')).toMatchObject({ keys: 2, bytes: 4 });
  });

  it('is not used up by keys that are due', () => {
    lab.run([create('a', { maxKeys: 1 })]);
    lab.run([put('a', 'k', 'v', 10)]);
    lab.nowMs += 10;
    expect(lab.code(put('a', 'l', 'v'))).toBe('quota-exceeded');
    lab.expire(keyIn('a', 'k'));
    expect(lab.info('a')).toMatchObject({ keys: 0, bytes: 0, revision: 4 });
    expect(lab.code(put('a', 'l', 'v', 10))).toBe('ok');
    lab.nowMs += 10;
    expect(lab.code(put('a', 'l', 'vv'))).toBe('ok');
    expect(lab.info('a')).toMatchObject({ keys: 1, bytes: 3 });
  });
});

describe('a deletion of a range', () => {
  const range = (most: number): Step => ({
    ...{ type: 'delete-range', key: namespaceKey('a'), to: Uint8Array.of(4, 0x61, 1), most, mostBytes: 1e6 },
    ...{ condition: { type: 'none' }, returning: 'nothing' },
  });

  it('takes what it deletes off the counters, and leaves other namespaces alone', () => {
    for (const name of ['a', 'a-']) lab.run([create(name, { maxKeys: 3 })]);
    for (const key of ['1', '2', '3']) lab.run([put('a', key, 'vw')]);
    lab.run([put('a-', '1', 'v')]);
    expect(lab.run([range(2)])).toMatchObject({ results: [{ deleted: 2 }] });
    expect(lab.info('a')).toMatchObject({ keys: 1, bytes: 3 });
    expect(lab.run([range(2)])).toMatchObject({ results: [{ deleted: 1, rest: undefined }] });
    expect(lab.code(remove('a'))).toBe('ok');
    expect(lab.info('a-')).toMatchObject({ keys: 1, bytes: 2 });
    expect(lab.code(range(2))).toBe('namespace-not-found');
  });
});

describe('namespaces of a shard', () => {
  it('are listed in the order of their names, and are no keys of the main keyspace', () => {
    for (const name of ['b', 'a-b', 'a', 'ab', 'a0']) lab.run([create(name)]);
    lab.run([put('a', 'k', 'v')]);
    const names = lab.list(Uint8Array.of(4), undefined).map(({ key }) => Buffer.from(key).toString('latin1'));
    expect(names).toEqual(['a', 'a-b', 'a0', 'ab', 'b'].map((name) => `\u0004${name}\0`));
    const common = { reverse: true, grouping: undefined, rows: 9, bytes: 999, consistency: 'stale' } as const;
    const all = { type: 'list', shard: 0, to: undefined, content: 'keys', ...common } as const;
    expect(lab.machine.list({ ...all, from: FIRST_KEY }).items).toEqual([]);
    const last = lab.machine.list({ ...all, from: Uint8Array.of(4), content: 'namespaces', rows: 2 });
    expect(last.items.map(({ key }) => key[1])).toEqual([0x62, 0x61]);
    const rest = lab.machine.list({ ...all, from: Uint8Array.of(4), to: last.rest, content: 'namespaces' });
    expect(rest.items).toHaveLength(3);
  });

  it('are part of the hash of the state', () => {
    const other = new NamespaceLab();
    lab.run([create('a')]);
    other.run([create('b')]);
    expect(lab.machine.stateHash()).not.toBe(other.machine.stateHash());
  });
});

interface Action {
  readonly type: 'put' | 'append' | 'delete';
  readonly key: string;
  readonly value: string;
  readonly ttlMs: number | undefined;
}
type Entry =
  | { readonly type: 'run'; readonly actions: readonly Action[]; readonly onError: 'fail' | 'continue' }
  | { readonly type: 'limits'; readonly maxKeys: number | undefined; readonly maxBytes: number | undefined }
  | { readonly type: 'pass'; readonly ms: number; readonly expire: boolean }
  | { readonly type: 'reload' };

const text = fc.string({ maxLength: 6, unit: 'binary-ascii' });
const action: fc.Arbitrary<Action> = fc.record({
  type: fc.constantFrom('put', 'put', 'append', 'delete'),
  key: fc.constantFrom('', 'a', 'bb', 'ccc'),
  value: text,
  ttlMs: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
});
const few = fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined });
const entry: fc.Arbitrary<Entry> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('run'),
      actions: fc.array(action, { minLength: 1, maxLength: 4 }),
      onError: fc.constantFrom('fail', 'continue'),
    }),
  },
  fc.record({
    type: fc.constant('limits'),
    maxKeys: few,
    maxBytes: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
  }),
  fc.record({ type: fc.constant('pass'), ms: fc.integer({ min: 1, max: 25 }), expire: fc.boolean() }),
  fc.record({ type: fc.constant('reload') }),
);

interface Value {
  readonly text: string;
  readonly dueMs: number;
}

/** One namespace, without rows and counters: everything is counted anew each time. */
class Model {
  values = new Map<string, Value>();
  maxKeys = Infinity;
  maxBytes = Infinity;
  nowMs = 0;

  run(actions: readonly Action[], onError: 'fail' | 'continue'): string[] {
    const before = new Map(this.values);
    const met = new Set<string>();
    const codes: string[] = [];
    for (const each of actions) {
      met.add(each.key);
      const code = this.#act(each);
      codes.push(code);
      if (code === 'ok' || onError === 'continue') continue;
      // Keys that were due are gone, whatever became of the program.
      this.values = before;
      for (const key of met) this.expire(key);
      return [code];
    }
    return codes;
  }

  #act({ type, key, value, ttlMs }: Action): string {
    this.expire(key);
    const old = this.values.get(key);
    if (type === 'delete') this.values.delete(key);
    else {
      const next = type === 'put' ? value : (old?.text ?? '') + value;
      const bytes = next.length - (old?.text.length ?? -key.length);
      if (old === undefined && this.values.size >= this.maxKeys) return 'quota-exceeded';
      if (bytes > 0 && this.bytes + bytes > this.maxBytes) return 'quota-exceeded';
      const dueMs = type === 'append' ? (old?.dueMs ?? Infinity) : this.nowMs + (ttlMs ?? Infinity);
      this.values.set(key, { text: next, dueMs });
    }
    return 'ok';
  }

  expire(key: string): void {
    if ((this.values.get(key)?.dueMs ?? Infinity) <= this.nowMs) this.values.delete(key);
  }

  get bytes(): number {
    return [...this.values].reduce((sum, [key, value]) => sum + key.length + value.text.length, 0);
  }
}

function stepsOf(actions: readonly Action[]): Step[] {
  return actions.map(({ type, key, value, ttlMs }) => {
    if (type === 'delete') return del('n', key);
    return type === 'put' ? put('n', key, value, ttlMs) : append('n', key, value);
  });
}

function applied(subject: NamespaceLab, model: Model, given: Entry): void {
  switch (given.type) {
    case 'run': {
      const outcome = subject.run(stepsOf(given.actions), { onError: given.onError });
      const results = 'code' in outcome ? [outcome.code] : outcome.results.map((r) => ('code' in r ? r.code : 'ok'));
      expect(results).toEqual(model.run(given.actions, given.onError));
      return;
    }
    case 'limits':
      expect(subject.code(create('n', { maxKeys: given.maxKeys, maxBytes: given.maxBytes }))).toBe('ok');
      model.maxKeys = given.maxKeys ?? Infinity;
      model.maxBytes = given.maxBytes ?? Infinity;
      return;
    case 'pass':
      subject.nowMs += given.ms;
      model.nowMs = subject.nowMs;
      if (!given.expire) return;
      subject.expire(...['', 'a', 'bb', 'ccc'].map((key) => keyIn('n', key)));
      for (const key of [...model.values.keys()]) model.expire(key);
      return;
    case 'reload':
      subject.reload();
  }
}

describe('any entries', () => {
  it('keep counters and limits as counting one by one would, on a replica that restarts as on one that does not', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 30 }), (entries) => {
        const subject = new NamespaceLab(new MapStateStore());
        const twin = new NamespaceLab(new MapStateStore());
        const [model, other] = [new Model(), new Model()];
        for (const each of [subject, twin]) each.run([create('n')]);
        for (const [of, its] of [
          [subject, model],
          [twin, other],
        ] as const)
          its.nowMs = of.nowMs;
        for (const each of entries) {
          applied(subject, model, each);
          if (each.type !== 'reload') applied(twin, other, each);
          const { keys, bytes } = subject.info('n') ?? { keys: -1, bytes: -1 };
          expect({ keys, bytes }).toEqual({ keys: model.values.size, bytes: model.bytes });
          expect(subject.counted('n')).toEqual({ keys, bytes });
        }
        expect(subject.machine.stateHash()).toBe(twin.machine.stateHash());
        expect(subject.store.alteredRows()).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
