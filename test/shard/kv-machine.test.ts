import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StorageCorruption } from '../../src/raft/index.js';
import { MalformedCommand } from '../../src/shard/machine/command.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { encodeKey } from '../../src/shard/keys/index.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
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

  it('a delete removes and reports whether there was a record', () => {
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

  it('a key that is created again starts at version 1', () => {
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

  it('refuses a malformed record', () => {
    machine.apply(1, putEntry('a', 'one'));
    const [key] = store.keys('\u0000');
    const row = Uint8Array.from(store.get(key!)!);
    store.set(key!, Uint8Array.from(row).fill(9, 0, 1));
    expect(() => get('a')).toThrow(StorageCorruption);
    store.set(key!, row.subarray(0, 30));
    expect(() => get('a')).toThrow(StorageCorruption);
  });

  it('does not retain the memory of the entry', () => {
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
  it('a repeated write is answered, not applied', () => {
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

  it('a repeated write that was refused gets the same refusal, even if the condition holds by now', () => {
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
    expect(other.dedupEntries).toBe(1);
  });

  it('are evicted by number, the oldest first', () => {
    machine = new KvMachine(store, { maxDedupEntries: 3 });
    machine.load();
    for (let n = 1; n <= 4; n += 1) machine.apply(n, putEntry('a', `${n}`, { id: v4Id(n) }));
    expect(machine.dedupEntries).toBe(3);
    expect(machine.apply(5, putEntry('a', '2', { id: v4Id(2) }))).toMatchObject({ replayed: true });
    expect(machine.apply(6, putEntry('a', '1', { id: v4Id(1) }))).toMatchObject({ replayed: false });
  });

  it('are evicted by replicated time, which never goes back', () => {
    machine = new KvMachine(store, { windowMs: 1000 });
    machine.load();
    machine.apply(1, putEntry('a', '1', { id: v4Id(1), atMs: 5000 }));
    machine.apply(2, putEntry('a', '2', { id: v4Id(2), atMs: 100 }));
    expect(machine.replicatedTimeMs).toBe(5000);
    machine.apply(3, putEntry('a', '3', { atMs: 5999 }));
    expect(machine.dedupEntries).toBe(3);
    expect(machine.apply(4, putEntry('a', '1', { id: v4Id(1), atMs: 5999 }))).toMatchObject({ replayed: true });
    // Both are as old as the window: the second was inserted at 5000, too.
    expect(machine.apply(5, putEntry('a', '1', { id: v4Id(1), atMs: 6000 }))).toMatchObject({ replayed: false });
    expect(machine.dedupEntries).toBe(2);
  });

  it('refuses options without room', () => {
    expect(() => new KvMachine(store, { maxDedupEntries: 0 })).toThrow(RangeError);
    expect(() => new KvMachine(store, { windowMs: NaN })).toThrow(RangeError);
  });
});
