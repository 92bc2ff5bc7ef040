import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StorageCorruption } from '../../src/raft/index.js';
import { MalformedCommand } from '../../src/shard/command.js';
import { loadHash } from '../../src/shard/hash.js';
import { encodeKey } from '../../src/shard/keyspace.js';
import { KvMachine } from '../../src/shard/kv-machine.js';
import type { KeyRecord } from '../../src/shard/operation.js';
import { deleteEntry, putEntry, v4Id, v7Id } from '../support/commands.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

let store: MapStateStore;
let machine: KvMachine;
beforeEach(() => {
  store = new MapStateStore();
  machine = new KvMachine(store);
  machine.load();
});
const get = (key: unknown): KeyRecord | undefined => machine.get(encodeKey(key));
const textOf = (key: unknown): string | undefined => {
  const record = get(key);
  return record === undefined ? undefined : Buffer.from(record.body).toString();
};

describe('writes', () => {
  it('a put creates, then updates', () => {
    expect(machine.apply(3, putEntry('a', 'one', { contentType: 'text/css' }))).toEqual({
      type: 'put',
      revision: 3,
      version: 1,
      created: true,
      replayed: false,
    });
    expect(machine.apply(7, putEntry('a', 'two'))).toMatchObject({ revision: 7, version: 2, created: false });
    const record = get('a');
    expect(record).toMatchObject({ revision: 7, createRevision: 3, version: 2, contentType: 'text/plain' });
    expect(textOf('a')).toBe('two');
    expect(get('b')).toBeUndefined();
    expect(machine.keyCount).toBe(1);
  });

  it('a delete removes, and says so; of nothing, it says that too', () => {
    machine.apply(1, putEntry('a', 'one'));
    expect(machine.apply(2, deleteEntry('a'))).toEqual({ type: 'delete', deleted: true, revision: 2, replayed: false });
    expect(machine.apply(3, deleteEntry('a'))).toEqual({
      type: 'delete',
      deleted: false,
      revision: 3,
      replayed: false,
    });
    expect(get('a')).toBeUndefined();
    expect(machine.keyCount).toBe(0);
    expect(store.keys('\u0000')).toEqual([]);
  });

  it('a key that is created again starts again', () => {
    machine.apply(1, putEntry('a', 'one'));
    machine.apply(2, putEntry('a', 'two'));
    machine.apply(3, deleteEntry('a'));
    expect(machine.apply(4, putEntry('a', 'three'))).toMatchObject({ version: 1, created: true });
    expect(get('a')).toMatchObject({ revision: 4, createRevision: 4, version: 1 });
  });

  it('keeps keys, content types and bodies byte for byte', () => {
    const names = [
      '__proto__',
      'constructor',
      'toString',
      "'; DROP TABLE kv; --",
      '%_',
      'nul\u0000',
      '\r\n',
      '😀',
      'a'.repeat(4096),
    ];
    names.forEach((name, at) => machine.apply(at + 1, putEntry(name, name, { contentType: 'x'.repeat(at * 30) })));
    names.forEach((name, at) => {
      expect(textOf(name)).toBe(name);
      expect(get(name)?.contentType).toBe('x'.repeat(at * 30));
    });
    expect(machine.keyCount).toBe(names.length);
    expect(machine.get(new Uint8Array(5000))).toBeUndefined();
    expect(machine.get(new Uint8Array(0))).toBeUndefined();
  });

  it('tells content types of one length apart', () => {
    for (const [at, type] of ['text/css', 'text/csv', 'text/css'].entries()) {
      machine.apply(at + 1, putEntry(`k${at}`, '', { contentType: type }));
    }
    expect(['k0', 'k1', 'k2'].map((key) => get(key)?.contentType)).toEqual(['text/css', 'text/csv', 'text/css']);
  });

  it('does not take just anything for a record', () => {
    machine.apply(1, putEntry('a', 'one'));
    const [key] = store.keys('\u0000');
    const row = Uint8Array.from(store.get(key!)!);
    store.set(key!, Uint8Array.from(row).fill(9, 0, 1));
    expect(() => get('a')).toThrow(StorageCorruption);
    store.set(key!, row.subarray(0, 30));
    expect(() => get('a')).toThrow(StorageCorruption);
  });

  it('does not hold on to the entry', () => {
    const entry = putEntry('a', 'one');
    machine.apply(1, entry);
    entry.fill(0);
    expect(textOf('a')).toBe('one');
  });

  it('large bodies, revisions and times survive', () => {
    const body = 'x'.repeat(1 << 20);
    machine.apply(2 ** 47 + 1, putEntry('a', body, { atMs: 2 ** 48 - 1 }));
    expect(get('a')).toMatchObject({ revision: 2 ** 47 + 1, createRevision: 2 ** 47 + 1 });
    expect(textOf('a')).toBe(body);
    expect(machine.replicatedTimeMs).toBe(2 ** 48 - 1);
  });
});

describe('conditions', () => {
  const failed = (currentRevision: number): object => ({
    type: 'refused',
    code: 'precondition-failed',
    outcome: 'not_applied',
    details: { currentRevision },
    replayed: false,
  });

  it('absent', () => {
    expect(machine.apply(1, putEntry('a', 'one', { condition: { type: 'absent' } }))).toMatchObject({ created: true });
    expect(machine.apply(2, putEntry('a', 'two', { condition: { type: 'absent' } }))).toMatchObject(failed(1));
    expect(machine.apply(3, deleteEntry('a', { condition: { type: 'absent' } }))).toMatchObject(failed(1));
    expect(machine.apply(4, deleteEntry('b', { condition: { type: 'absent' } }))).toMatchObject({ deleted: false });
    expect(textOf('a')).toBe('one');
  });

  it('exists', () => {
    expect(machine.apply(1, putEntry('a', 'one', { condition: { type: 'exists' } }))).toMatchObject(failed(0));
    expect(machine.apply(2, deleteEntry('a', { condition: { type: 'exists' } }))).toMatchObject(failed(0));
    expect(machine.keyCount).toBe(0);
    machine.apply(3, putEntry('a', 'one'));
    expect(machine.apply(4, putEntry('a', 'two', { condition: { type: 'exists' } }))).toMatchObject({ version: 2 });
    expect(machine.apply(5, deleteEntry('a', { condition: { type: 'exists' } }))).toMatchObject({ deleted: true });
  });

  it('revision', () => {
    const at = (revision: number) => ({ condition: { type: 'revision', revision } as const });
    expect(machine.apply(1, putEntry('a', 'one', at(0)))).toMatchObject(failed(0));
    machine.apply(2, putEntry('a', 'one'));
    expect(machine.apply(3, putEntry('a', 'two', at(1)))).toMatchObject(failed(2));
    expect(machine.apply(4, deleteEntry('a', at(3)))).toMatchObject(failed(2));
    expect(machine.apply(5, putEntry('a', 'two', at(2)))).toMatchObject({ revision: 5, version: 2 });
    expect(machine.apply(6, deleteEntry('a', at(5)))).toMatchObject({ deleted: true });
    expect(machine.apply(7, deleteEntry('a', at(5)))).toMatchObject(failed(0));
  });
});

describe('an entry that is no command', () => {
  it('throws and changes nothing', () => {
    machine.apply(1, putEntry('a', 'one'));
    const hash = machine.stateHash();
    expect(() => machine.apply(2, new Uint8Array(50))).toThrow(MalformedCommand);
    expect(machine.stateHash()).toBe(hash);
  });
});

describe('operation ids', () => {
  it('a write that comes again is answered, not applied', () => {
    const first = { id: v4Id(1) };
    const answer = machine.apply(1, putEntry('a', 'one', first));
    machine.apply(2, putEntry('a', 'two'));
    expect(machine.apply(3, putEntry('a', 'one', { ...first, atMs: 77 }))).toEqual({ ...answer, replayed: true });
    expect(textOf('a')).toBe('two');
    const removal = { id: v4Id(2) };
    const deleted = machine.apply(4, deleteEntry('a', removal));
    machine.apply(5, putEntry('a', 'three'));
    expect(machine.apply(6, deleteEntry('a', removal))).toEqual({ ...deleted, replayed: true });
    const nothing = { id: v4Id(3) };
    machine.apply(7, deleteEntry('b', nothing));
    expect(machine.apply(8, deleteEntry('b', nothing))).toMatchObject({ deleted: false, revision: 7, replayed: true });
    expect(textOf('a')).toBe('three');
  });

  it('a refusal that comes again is the same refusal, even if the condition holds by now', () => {
    const create = { id: v4Id(1), condition: { type: 'absent' } as const };
    machine.apply(1, putEntry('a', 'one'));
    machine.apply(2, putEntry('a', 'two', create));
    machine.apply(3, deleteEntry('a'));
    expect(machine.apply(4, putEntry('a', 'two', create))).toMatchObject({
      code: 'precondition-failed',
      details: { currentRevision: 1 },
      replayed: true,
    });
    expect(get('a')).toBeUndefined();
  });

  it('one id for two requests is refused, and the first keeps its answer', () => {
    const id = v4Id(1);
    machine.apply(1, putEntry('a', 'one', { id }));
    for (const other of [putEntry('a', 'two', { id }), putEntry('b', 'one', { id }), deleteEntry('a', { id })]) {
      expect(machine.apply(2, other)).toMatchObject({ code: 'idempotency-key-reused', outcome: 'not_applied' });
    }
    expect(textOf('a')).toBe('one');
    expect(get('b')).toBeUndefined();
    expect(machine.apply(3, putEntry('a', 'one', { id }))).toMatchObject({ revision: 1, replayed: true });
  });

  it('survive a checkpoint and a snapshot (M13)', () => {
    const id = v7Id(1000, 1);
    machine.apply(1, putEntry('a', 'one', { id, atMs: 1000 }));
    machine.flush();
    const other = new KvMachine(store.checkpoint());
    other.load();
    expect(other.apply(2, putEntry('a', 'one', { id, atMs: 1001 }))).toMatchObject({ revision: 1, replayed: true });
    expect(other.rememberedAnswers).toBe(1);
  });

  it('are forgotten by number, the first first', () => {
    machine = new KvMachine(store, { maxAnswers: 3 });
    machine.load();
    for (let n = 1; n <= 4; n += 1) machine.apply(n, putEntry('a', `${n}`, { id: v4Id(n) }));
    expect(machine.rememberedAnswers).toBe(3);
    expect(machine.apply(5, putEntry('a', '2', { id: v4Id(2) }))).toMatchObject({ replayed: true });
    expect(machine.apply(6, putEntry('a', '1', { id: v4Id(1) }))).toMatchObject({ replayed: false });
  });

  it('are forgotten by replicated time, which never goes back', () => {
    machine = new KvMachine(store, { windowMs: 1000 });
    machine.load();
    machine.apply(1, putEntry('a', '1', { id: v4Id(1), atMs: 5000 }));
    machine.apply(2, putEntry('a', '2', { id: v4Id(2), atMs: 100 }));
    expect(machine.replicatedTimeMs).toBe(5000);
    machine.apply(3, putEntry('a', '3', { atMs: 5999 }));
    expect(machine.rememberedAnswers).toBe(3);
    expect(machine.apply(4, putEntry('a', '1', { id: v4Id(1), atMs: 5999 }))).toMatchObject({ replayed: true });
    // Both are as old as the window: the second was remembered at 5000, too.
    expect(machine.apply(5, putEntry('a', '1', { id: v4Id(1), atMs: 6000 }))).toMatchObject({ replayed: false });
    expect(machine.rememberedAnswers).toBe(2);
  });

  it('refuses options without room', () => {
    expect(() => new KvMachine(store, { maxAnswers: 0 })).toThrow(RangeError);
    expect(() => new KvMachine(store, { windowMs: NaN })).toThrow(RangeError);
  });
});

describe('a retry that comes too late', () => {
  const MINUTE = 60_000;
  const NOW = 1_700_000_000_000;
  const write = (index: number, madeMs: number, atMs: number, n = index) =>
    machine.apply(index, putEntry('a', `${n}`, { id: v7Id(madeMs, n), atMs }));

  it('is refused once its answer is forgotten, and the outcome is not known', () => {
    write(1, NOW, NOW);
    expect(write(2, NOW, NOW + 15 * MINUTE - 1, 1)).toMatchObject({ revision: 1, replayed: true });
    expect(write(3, NOW, NOW + 15 * MINUTE, 1)).toMatchObject({ code: 'idempotency-key-expired', outcome: 'unknown' });
    expect(get('a')).toMatchObject({ revision: 1 });
    expect(machine.rememberedAnswers).toBe(0);
  });

  it('is refused although the clock that made the id was up to 5 minutes ahead of the leader', () => {
    for (const ahead of [0, 1, 3, 4.99]) {
      const id = { id: v7Id(NOW + ahead * MINUTE, 1) };
      machine = new KvMachine(new MapStateStore());
      machine.load();
      machine.apply(1, putEntry('a', 'one', { ...id, atMs: NOW }));
      expect(machine.apply(2, putEntry('a', 'one', { ...id, atMs: NOW + 15 * MINUTE }))).toMatchObject({
        code: 'idempotency-key-expired',
      });
    }
  });

  it('is refused after a restart from a checkpoint, too', () => {
    write(1, NOW, NOW);
    machine.apply(2, putEntry('b', 'x', { atMs: NOW + 16 * MINUTE }));
    machine.flush();
    machine = new KvMachine(store.checkpoint());
    machine.load();
    expect(write(3, NOW, NOW + 16 * MINUTE, 1)).toMatchObject({ code: 'idempotency-key-expired' });
  });

  it('is not what a fresh write is taken for, with a clock up to 10 minutes behind or any time ahead', () => {
    // Busy for an hour, so that much has been forgotten; made by clocks that agree with the leader's.
    for (let minute = 0; minute < 60; minute += 1) write(minute + 1, NOW + minute * MINUTE, NOW + minute * MINUTE);
    const now = NOW + 60 * MINUTE;
    for (const [n, skew] of [-10, -9.9, -5, -1, 0, 1, 5, 15, 60, 100_000].entries()) {
      expect(write(100 + n, now + skew * MINUTE, now)).toMatchObject({ type: 'put', replayed: false });
    }
  });

  it('is not what a fresh write is taken for, however far its clock is behind, if no later id was forgotten', () => {
    write(1, NOW - 600 * MINUTE, NOW);
    write(2, NOW, NOW);
    // Forgets the first, of ten hours ago, when it is as old as the window.
    machine.apply(3, putEntry('b', 'x', { atMs: NOW + 14 * MINUTE }));
    expect(write(4, NOW - 599 * MINUTE, NOW + 14 * MINUTE)).toMatchObject({ type: 'put' });
    machine.apply(5, putEntry('b', 'x', { atMs: NOW + 15 * MINUTE }));
    expect(write(6, NOW - 599 * MINUTE, NOW + 15 * MINUTE)).toMatchObject({ code: 'idempotency-key-expired' });
    expect(write(7, NOW + 1, NOW + 15 * MINUTE)).toMatchObject({ type: 'put' });
  });

  it('is not what fresh writes are taken for when a leader’s clock jumps ahead by an hour', () => {
    for (let second = 0; second < 100; second += 1) write(second + 1, NOW + second * 1000, NOW + second * 1000);
    write(200, NOW + 100_000, NOW + 160 * MINUTE);
    expect(machine.rememberedAnswers).toBe(1);
    for (let second = 101; second < 200; second += 1) {
      expect(write(200 + second, NOW + second * 1000, NOW + second * 1000)).toMatchObject({ type: 'put' });
    }
    expect(write(999, NOW + 50_000, NOW + 200_000, 51)).toMatchObject({ code: 'idempotency-key-expired' });
  });

  it('is not noticed under ids that do not say when they were made', () => {
    const id = v4Id(5);
    machine.apply(1, putEntry('a', 'one', { id, atMs: NOW }));
    expect(machine.apply(2, putEntry('a', 'one', { id, atMs: NOW + 15 * MINUTE }))).toMatchObject({ replayed: false });
  });
});

describe('an id that is not remembered', () => {
  const NOW = 1_700_000_000_000;
  const HOUR = 3_600_000;
  const UNKNOWN = { type: 'refused', code: 'idempotency-key-expired', outcome: 'unknown' };
  const restarted = (options = {}): KvMachine => {
    machine.flush();
    const other = new KvMachine(store.checkpoint(), options);
    other.load();
    return other;
  };
  const small = (maxAnswers: number): void => {
    machine = new KvMachine(store, { maxAnswers });
    machine.load();
  };

  it('is not applied a second time by a repeat, also when a busy shard forgot it within a second', () => {
    const id = v7Id(NOW, 0);
    machine.apply(1, putEntry('k', 'one', { id, attempt: 'first', atMs: NOW }));
    machine.apply(2, putEntry('k', 'two', { id: v7Id(NOW + 1, 0), attempt: 'first', atMs: NOW + 1 }));
    for (let n = 0; n < 16_384; n += 1) {
      const at = NOW + 2 + Math.floor(n / 20);
      machine.apply(3 + n, putEntry('other', '', { id: v7Id(at, n), attempt: 'first', atMs: at }));
    }
    const again = { id, attempt: 'again', atMs: NOW + 2000 } as const;
    expect(machine.apply(20_000, putEntry('k', 'one', again))).toMatchObject(UNKNOWN);
    expect(textOf('k')).toBe('two');
    // Nor after a restart; and the refusal left no trace by which a further repeat could be answered otherwise.
    machine = restarted();
    expect(machine.apply(20_001, putEntry('k', 'one', again))).toMatchObject(UNKNOWN);
    expect(textOf('k')).toBe('two');
  });

  it('does not make a repeated compare-and-set fail for good that had succeeded', () => {
    small(1);
    const create = { id: v7Id(NOW, 1), condition: { type: 'absent' }, atMs: NOW } as const;
    machine.apply(1, putEntry('lock', 'mine', { ...create, attempt: 'first' }));
    machine.apply(2, putEntry('b', '', { id: v7Id(NOW, 2), atMs: NOW }));
    expect(machine.apply(3, putEntry('lock', 'mine', { ...create, attempt: 'again' }))).toMatchObject(UNKNOWN);
    expect(machine.apply(4, deleteEntry('lock', { ...create, attempt: 'again' }))).toMatchObject(UNKNOWN);
  });

  it('is applied as a repeat if it was made after all that was forgotten, also after a restart', () => {
    small(2);
    for (const [n, madeMs] of [50, 90, 70, 80].entries()) {
      machine.apply(n + 1, putEntry('a', `${n}`, { id: v7Id(NOW + madeMs, 1), atMs: NOW }));
    }
    const repeat = (index: number, madeMs: number) =>
      machine.apply(index, putEntry('k', 'x', { id: v7Id(NOW + madeMs, 9), attempt: 'again', atMs: NOW }));
    expect([89, 90].map((madeMs) => repeat(5, madeMs))).toMatchObject([UNKNOWN, UNKNOWN]);
    machine = restarted({ maxAnswers: 2 });
    expect(repeat(6, 90)).toMatchObject(UNKNOWN);
    expect(repeat(7, 91)).toMatchObject({ type: 'put', created: true, replayed: false });
    expect(repeat(8, 91)).toMatchObject({ revision: 7, replayed: true });
  });

  it('is refused as a repeat if it was forgotten for its age, at whatever age', () => {
    machine = new KvMachine(store, { windowMs: 1000 });
    machine.load();
    machine.apply(1, putEntry('a', '1', { id: v7Id(NOW + 900, 1), atMs: NOW }));
    machine.apply(2, putEntry('b', '', { id: v7Id(NOW, 2), atMs: NOW + 1000 }));
    const id = v7Id(NOW + 900, 1);
    expect(machine.apply(3, putEntry('a', '1', { id, attempt: 'again', atMs: NOW + 1000 }))).toMatchObject(UNKNOWN);
    expect(get('a')).toMatchObject({ version: 1 });
  });

  it('that does not say when it was made is applied as a repeat only while nothing was ever forgotten', () => {
    small(2);
    const repeat = (index: number, n: number) =>
      machine.apply(index, putEntry('k', 'x', { id: v4Id(n), attempt: 'again', atMs: NOW }));
    expect(repeat(1, 1)).toMatchObject({ type: 'put', replayed: false });
    expect(repeat(2, 1)).toMatchObject({ replayed: true });
    machine.apply(3, putEntry('a', '', { atMs: NOW }));
    machine.apply(4, putEntry('a', '', { atMs: NOW }));
    expect(repeat(5, 1)).toMatchObject(UNKNOWN);
    machine = restarted({ maxAnswers: 2 });
    expect(repeat(6, 2)).toMatchObject(UNKNOWN);
    expect(get('k')).toMatchObject({ version: 1 });
  });

  it('is answered from memory in every kind of attempt, if it is remembered', () => {
    const id = v7Id(NOW, 1);
    machine.apply(1, putEntry('a', 'one', { id, attempt: 'first', atMs: NOW }));
    for (const attempt of ['first', 'keyed', 'again'] as const) {
      expect(machine.apply(2, putEntry('a', 'one', { id, attempt, atMs: NOW }))).toMatchObject({
        revision: 1,
        replayed: true,
      });
      expect(machine.apply(3, putEntry('a', 'two', { id, attempt, atMs: NOW }))).toMatchObject({
        code: 'idempotency-key-reused',
      });
    }
  });

  it('is never refused in a first attempt, although a clock was an hour ahead', () => {
    small(100);
    // The leader's clock, by which its own router makes ids, too.
    const ahead = NOW + HOUR;
    for (let n = 1; n <= 200; n += 1) {
      machine.apply(n, putEntry('a', '', { id: v7Id(ahead + n, n), attempt: 'first', atMs: ahead + n }));
    }
    for (let n = 201; n <= 500; n += 1) {
      const write = { id: v7Id(NOW + n, n), attempt: 'first', atMs: NOW + n } as const;
      expect(machine.apply(n, putEntry('a', `${n}`, write))).toMatchObject({ type: 'put', replayed: false });
    }
    expect(textOf('a')).toBe('500');
    // What the machine cannot tell from a retry pays for it, until real time has caught up.
    const keyed = { id: v7Id(NOW + 600, 1), attempt: 'keyed' } as const;
    expect(machine.apply(600, putEntry('b', '', { ...keyed, atMs: NOW + 600 }))).toMatchObject(UNKNOWN);
    const later = NOW + HOUR + 1000;
    const fresh = { id: v7Id(later, 1), attempt: 'keyed', atMs: later } as const;
    expect(machine.apply(601, putEntry('b', '', fresh))).toMatchObject({ type: 'put' });
  });
});
