/** Writes whose operation id is not in the dedup table: never inserted, or evicted since. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
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

describe('a write whose id may have been evicted by age', () => {
  const MINUTE = 60_000;
  const NOW = 1_700_000_000_000;
  const write = (index: number, createdMs: number, atMs: number, n = index) =>
    machine.apply(index, putEntry('a', `${n}`, { id: v7Id(createdMs, n), atMs }));

  it('is refused with an unknown outcome once its entry is evicted', () => {
    write(1, NOW, NOW);
    expect(write(2, NOW, NOW + 15 * MINUTE - 1, 1)).toMatchObject({ revision: 1, replayed: true });
    expect(write(3, NOW, NOW + 15 * MINUTE, 1)).toMatchObject({ code: 'idempotency-key-expired', outcome: 'unknown' });
    expect(get('a')).toMatchObject({ revision: 1 });
    expect(machine.dedupEntries).toBe(0);
  });

  it('is refused also if the clock that generated the id was up to 5 minutes ahead of the leader', () => {
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

  it('is refused also after a restart from a checkpoint', () => {
    write(1, NOW, NOW);
    machine.apply(2, putEntry('b', 'x', { atMs: NOW + 16 * MINUTE }));
    machine.flush();
    machine = new KvMachine(store.checkpoint());
    machine.load();
    expect(write(3, NOW, NOW + 16 * MINUTE, 1)).toMatchObject({ code: 'idempotency-key-expired' });
  });

  it('is not confused with a fresh write from a clock up to 10 minutes behind, or any time ahead', () => {
    // An hour of writes, so that many entries were evicted; their ids come from clocks that agree with the leader's.
    for (let minute = 0; minute < 60; minute += 1) write(minute + 1, NOW + minute * MINUTE, NOW + minute * MINUTE);
    const now = NOW + 60 * MINUTE;
    for (const [n, skew] of [-10, -9.9, -5, -1, 0, 1, 5, 15, 60, 100_000].entries()) {
      expect(write(100 + n, now + skew * MINUTE, now)).toMatchObject({ type: 'put', replayed: false });
    }
  });

  it('is not confused with a fresh write from a clock however far behind, if no later id was evicted', () => {
    write(1, NOW - 600 * MINUTE, NOW);
    write(2, NOW, NOW);
    // Evicts the first, whose id is ten hours old, once the entry is as old as the window.
    machine.apply(3, putEntry('b', 'x', { atMs: NOW + 14 * MINUTE }));
    expect(write(4, NOW - 599 * MINUTE, NOW + 14 * MINUTE)).toMatchObject({ type: 'put' });
    machine.apply(5, putEntry('b', 'x', { atMs: NOW + 15 * MINUTE }));
    expect(write(6, NOW - 599 * MINUTE, NOW + 15 * MINUTE)).toMatchObject({ code: 'idempotency-key-expired' });
    expect(write(7, NOW + 1, NOW + 15 * MINUTE)).toMatchObject({ type: 'put' });
  });

  it('is not confused with fresh writes when a leader’s clock jumps ahead by an hour', () => {
    for (let second = 0; second < 100; second += 1) write(second + 1, NOW + second * 1000, NOW + second * 1000);
    write(200, NOW + 100_000, NOW + 160 * MINUTE);
    expect(machine.dedupEntries).toBe(1);
    for (let second = 101; second < 200; second += 1) {
      expect(write(200 + second, NOW + second * 1000, NOW + second * 1000)).toMatchObject({ type: 'put' });
    }
    expect(write(999, NOW + 50_000, NOW + 200_000, 51)).toMatchObject({ code: 'idempotency-key-expired' });
  });

  it('is applied again if its id has no timestamp: its age is not detectable', () => {
    const id = v4Id(5);
    machine.apply(1, putEntry('a', 'one', { id, atMs: NOW }));
    expect(machine.apply(2, putEntry('a', 'one', { id, atMs: NOW + 15 * MINUTE }))).toMatchObject({ replayed: false });
  });
});

describe('an id that is not in the dedup table', () => {
  const NOW = 1_700_000_000_000;
  const HOUR = 3_600_000;
  const UNKNOWN = { type: 'refused', code: 'idempotency-key-expired', outcome: 'unknown' };
  const restarted = (options = {}): KvMachine => {
    machine.flush();
    const other = new KvMachine(store.checkpoint(), options);
    other.load();
    return other;
  };
  const small = (maxDedupEntries: number): void => {
    machine = new KvMachine(store, { maxDedupEntries });
    machine.load();
  };

  it('is not applied a second time by a retry, even if a busy shard evicted it within a second', () => {
    const id = v7Id(NOW, 0);
    machine.apply(1, putEntry('k', 'one', { id, attempt: 'initial', atMs: NOW }));
    machine.apply(2, putEntry('k', 'two', { id: v7Id(NOW + 1, 0), attempt: 'initial', atMs: NOW + 1 }));
    for (let n = 0; n < 16_384; n += 1) {
      const at = NOW + 2 + Math.floor(n / 20);
      machine.apply(3 + n, putEntry('other', '', { id: v7Id(at, n), attempt: 'initial', atMs: at }));
    }
    const again = { id, attempt: 'retry', atMs: NOW + 2000 } as const;
    expect(machine.apply(20_000, putEntry('k', 'one', again))).toMatchObject(UNKNOWN);
    expect(textOf('k')).toBe('two');
    // Nor after a restart; and the refusal inserted nothing that would change the answer to a further retry.
    machine = restarted();
    expect(machine.apply(20_001, putEntry('k', 'one', again))).toMatchObject(UNKNOWN);
    expect(textOf('k')).toBe('two');
  });

  it('does not turn the success of a compare-and-set into a definite failure of its retry', () => {
    small(1);
    const create = { id: v7Id(NOW, 1), condition: { type: 'absent' }, atMs: NOW } as const;
    machine.apply(1, putEntry('lock', 'mine', { ...create, attempt: 'initial' }));
    machine.apply(2, putEntry('b', '', { id: v7Id(NOW, 2), atMs: NOW }));
    expect(machine.apply(3, putEntry('lock', 'mine', { ...create, attempt: 'retry' }))).toMatchObject(UNKNOWN);
    expect(machine.apply(4, deleteEntry('lock', { ...create, attempt: 'retry' }))).toMatchObject(UNKNOWN);
  });

  it('is applied as a retry if it is later than every evicted id, also after a restart', () => {
    small(2);
    for (const [n, createdMs] of [50, 90, 70, 80].entries()) {
      machine.apply(n + 1, putEntry('a', `${n}`, { id: v7Id(NOW + createdMs, 1), atMs: NOW }));
    }
    const retry = (index: number, createdMs: number) =>
      machine.apply(index, putEntry('k', 'x', { id: v7Id(NOW + createdMs, 9), attempt: 'retry', atMs: NOW }));
    expect([89, 90].map((createdMs) => retry(5, createdMs))).toMatchObject([UNKNOWN, UNKNOWN]);
    machine = restarted({ maxDedupEntries: 2 });
    expect(retry(6, 90)).toMatchObject(UNKNOWN);
    expect(retry(7, 91)).toMatchObject({ type: 'put', created: true, replayed: false });
    expect(retry(8, 91)).toMatchObject({ revision: 7, replayed: true });
  });

  it('is refused as a retry if it was evicted by age, however recent its id', () => {
    machine = new KvMachine(store, { windowMs: 1000 });
    machine.load();
    machine.apply(1, putEntry('a', '1', { id: v7Id(NOW + 900, 1), atMs: NOW }));
    machine.apply(2, putEntry('b', '', { id: v7Id(NOW, 2), atMs: NOW + 1000 }));
    const id = v7Id(NOW + 900, 1);
    expect(machine.apply(3, putEntry('a', '1', { id, attempt: 'retry', atMs: NOW + 1000 }))).toMatchObject(UNKNOWN);
    expect(get('a')).toMatchObject({ version: 1 });
  });

  it('without a timestamp is applied as a retry only while nothing was ever evicted', () => {
    small(2);
    const retry = (index: number, n: number) =>
      machine.apply(index, putEntry('k', 'x', { id: v4Id(n), attempt: 'retry', atMs: NOW }));
    expect(retry(1, 1)).toMatchObject({ type: 'put', replayed: false });
    expect(retry(2, 1)).toMatchObject({ replayed: true });
    machine.apply(3, putEntry('a', '', { atMs: NOW }));
    machine.apply(4, putEntry('a', '', { atMs: NOW }));
    expect(retry(5, 1)).toMatchObject(UNKNOWN);
    machine = restarted({ maxDedupEntries: 2 });
    expect(retry(6, 2)).toMatchObject(UNKNOWN);
    expect(get('k')).toMatchObject({ version: 1 });
  });

  it('is answered from the table in every kind of attempt while it is there', () => {
    const id = v7Id(NOW, 1);
    machine.apply(1, putEntry('a', 'one', { id, attempt: 'initial', atMs: NOW }));
    for (const attempt of ['initial', 'client-keyed', 'retry'] as const) {
      expect(machine.apply(2, putEntry('a', 'one', { id, attempt, atMs: NOW }))).toMatchObject({
        revision: 1,
        replayed: true,
      });
      expect(machine.apply(3, putEntry('a', 'two', { id, attempt, atMs: NOW }))).toMatchObject({
        code: 'idempotency-key-reused',
      });
    }
  });

  it('is never refused in an initial attempt, although a clock was an hour ahead', () => {
    small(100);
    // The leader's clock, which its own router also uses to generate ids.
    const ahead = NOW + HOUR;
    for (let n = 1; n <= 200; n += 1) {
      machine.apply(n, putEntry('a', '', { id: v7Id(ahead + n, n), attempt: 'initial', atMs: ahead + n }));
    }
    for (let n = 201; n <= 500; n += 1) {
      const write = { id: v7Id(NOW + n, n), attempt: 'initial', atMs: NOW + n } as const;
      expect(machine.apply(n, putEntry('a', `${n}`, write))).toMatchObject({ type: 'put', replayed: false });
    }
    expect(textOf('a')).toBe('500');
    // A client-keyed write cannot be told from a retry, and is refused until real time has caught up.
    const keyed = { id: v7Id(NOW + 600, 1), attempt: 'client-keyed' } as const;
    expect(machine.apply(600, putEntry('b', '', { ...keyed, atMs: NOW + 600 }))).toMatchObject(UNKNOWN);
    const later = NOW + HOUR + 1000;
    const fresh = { id: v7Id(later, 1), attempt: 'client-keyed', atMs: later } as const;
    expect(machine.apply(601, putEntry('b', '', fresh))).toMatchObject({ type: 'put' });
  });
});
