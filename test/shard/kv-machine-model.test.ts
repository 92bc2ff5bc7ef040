/** The state machine against a simple model of it, over any writes, with restarts at any point. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadHash } from '../../src/shard/keys/hash.js';
import { encodeKey } from '../../src/shard/keys/index.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import type { Answer, Attempt, Condition } from '../../src/shard/operation.js';
import { hashRow, HashSum } from '../../src/shard/machine/state-hash.js';
import { deleteEntry, putEntry, v4Id, v7Id } from '../support/commands.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const OPTIONS = { maxDedupEntries: 6, windowMs: 900 };
const KEYS = ['a', 'b', 7, ['c', 1n]];

interface Step {
  readonly key: unknown;
  /** undefined deletes. */
  readonly body: string | undefined;
  readonly condition: 'none' | 'absent' | 'exists' | 'current' | 'stale';
  /** Which id: a number of version 4, or a time of version 7 relative to the clock. */
  readonly id: { readonly v4: number } | { readonly v7: number; readonly n: number };
  readonly attempt: Attempt;
  readonly elapsedMs: number;
  readonly reload: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  key: fc.constantFrom(...KEYS),
  body: fc.option(fc.constantFrom('', 'x', 'longer', 'z'.repeat(100)), { nil: undefined }),
  condition: fc.constantFrom('none', 'none', 'none', 'absent', 'exists', 'current', 'stale'),
  id: fc.oneof(
    fc.record({ v4: fc.integer({ min: 0, max: 12 }) }),
    fc.record({ v7: fc.integer({ min: -1500, max: 300 }), n: fc.integer({ min: 0, max: 1 }) }),
  ),
  attempt: fc.constantFrom('initial', 'client-keyed', 'retry'),
  elapsedMs: fc.oneof(fc.constant(0), fc.integer({ min: -200, max: 400 })),
  reload: fc.boolean(),
});

interface ModelRecord {
  revision: number;
  createRevision: number;
  version: number;
  body: string;
}

class Model {
  readonly records = new Map<unknown, ModelRecord>();
  dedup: { id: string; request: string; timeMs: number; createdMs: number; answer: Answer }[] = [];
  readonly evicted: number[] = [];
  clockMs = 0;
  /** Of any version. */
  evictedIds = 0;

  apply(
    index: number,
    key: unknown,
    body: string | undefined,
    condition: Condition,
    id: Uint8Array,
    createdMs: number,
    attempt: Attempt,
  ): object {
    while (this.dedup.length > 0 && this.dedup[0]!.timeMs + OPTIONS.windowMs <= this.clockMs) this.#evict();
    const idText = Buffer.from(id).toString('hex');
    const request = JSON.stringify([KEYS.indexOf(key as string), body, condition]);
    const known = this.dedup.find((candidate) => candidate.id === idText);
    if (known !== undefined) {
      return known.request === request ? { ...known.answer, replayed: true } : { code: 'idempotency-key-reused' };
    }
    if (this.#refuses(attempt, createdMs)) {
      return { code: 'idempotency-key-expired', outcome: 'unknown' };
    }
    const answer = this.#write(index, key, body, condition);
    if (this.dedup.length === OPTIONS.maxDedupEntries) this.#evict();
    this.dedup.push({ id: idText, request, timeMs: this.clockMs, createdMs, answer: answer as Answer });
    return answer;
  }

  #refuses(attempt: Attempt, createdMs: number): boolean {
    if (attempt === 'initial') return false;
    if (createdMs === Infinity) return attempt === 'retry' && this.evictedIds > 0;
    const mayBeEvicted = this.evicted.some((time) => time >= createdMs);
    return mayBeEvicted && (attempt === 'retry' || createdMs < this.clockMs - 600);
  }

  #write(index: number, key: unknown, body: string | undefined, condition: Condition): object {
    const old = this.records.get(key);
    const holds =
      condition.type === 'none' ||
      (condition.type === 'absent' && old === undefined) ||
      (condition.type === 'exists' && old !== undefined) ||
      (condition.type === 'revision' && old?.revision === condition.revision);
    if (!holds)
      return { code: 'precondition-failed', details: { currentRevision: old?.revision ?? 0 }, replayed: false };
    if (body === undefined) {
      return { type: 'delete', deleted: this.records.delete(key), revision: index, replayed: false };
    }
    const version = (old?.version ?? 0) + 1;
    this.records.set(key, { revision: index, createRevision: old?.createRevision ?? index, version, body });
    return { type: 'put', revision: index, version, created: old === undefined, replayed: false };
  }

  #evict(): void {
    const first = this.dedup.shift()!;
    this.evictedIds += 1;
    if (Number.isFinite(first.createdMs)) this.evicted.push(first.createdMs);
  }
}

function recordsOf(machine: KvMachine): unknown[] {
  return KEYS.map((key) => {
    const record = machine.get(encodeKey(key));
    if (record === undefined) return undefined;
    const { revision, createRevision, version, body } = record;
    return { revision, createRevision, version, body: Buffer.from(body).toString() };
  });
}

describe('the state machine', () => {
  it('does what a simple model does, and is the same on a replica that restarts at any point', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }), (steps) => {
        const model = new Model();
        const steadyStore = new MapStateStore();
        const steady = new KvMachine(steadyStore, OPTIONS);
        steady.load();
        let restartingStore = new MapStateStore();
        let restarting = new KvMachine(restartingStore, OPTIONS);
        restarting.load();
        let timeMs = 10_000;
        let index = 0;
        for (const { key, body, condition: wanted, id: choice, attempt, elapsedMs, reload } of steps) {
          index += 1 + (index % 3);
          timeMs += elapsedMs;
          model.clockMs = Math.max(model.clockMs, timeMs);
          const current = model.records.get(key)?.revision ?? 0;
          const condition: Condition =
            wanted === 'current' || wanted === 'stale'
              ? { type: 'revision', revision: wanted === 'current' ? current : Math.max(0, current - 1) }
              : { type: wanted };
          // Coarse times, so that ids repeat.
          const createdMs = 'v4' in choice ? Infinity : Math.floor((timeMs + choice.v7) / 300) * 300;
          const id = 'v4' in choice ? v4Id(choice.v4) : v7Id(createdMs, choice.n);
          const options = { id, attempt, condition, atMs: timeMs };
          const entry = body === undefined ? deleteEntry(key, options) : putEntry(key, body, options);

          const expected = model.apply(index, key, body, condition, id, createdMs, attempt);
          const answer = steady.apply(index, entry);
          expect(answer).toMatchObject(expected);
          expect(restarting.apply(index, entry)).toEqual(answer);

          if (reload) {
            restarting.flush();
            restartingStore = restartingStore.checkpoint();
            restarting = new KvMachine(restartingStore, OPTIONS);
            restarting.load();
          }
          expect(recordsOf(steady)).toEqual(KEYS.map((each) => model.records.get(each)));
          expect(steady.keyCount).toBe(model.records.size);
          expect(steady.dedupEntries).toBe(model.dedup.length);
          expect(restarting.stateHash()).toBe(steady.stateHash());
        }
        expect(recordsOf(restarting)).toEqual(recordsOf(steady));
        expect(steadyStore.alteredRows()).toEqual([]);
        expect(restartingStore.alteredRows()).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  it('reaches the same state from any checkpoint by applying the later entries', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 40, size: 'max' }), fc.nat(), (steps, cut) => {
        let timeMs = 10_000;
        const entries = steps.map(({ key, body, id: choice, attempt, elapsedMs }) => {
          timeMs += elapsedMs;
          const id = 'v4' in choice ? v4Id(choice.v4) : v7Id(timeMs + choice.v7, choice.n);
          const options = { id, attempt, atMs: timeMs };
          return body === undefined ? deleteEntry(key, options) : putEntry(key, body, options);
        });
        const store = new MapStateStore();
        const machine = new KvMachine(store, OPTIONS);
        machine.load();
        let checkpoint = new MapStateStore();
        entries.forEach((entry, at) => {
          if (at === cut % entries.length) {
            machine.flush();
            checkpoint = store.checkpoint();
          }
          machine.apply(at + 1, entry);
        });
        const other = new KvMachine(checkpoint, OPTIONS);
        other.load();
        entries.slice(cut % entries.length).forEach((entry, at) => other.apply((cut % entries.length) + at + 1, entry));
        expect(other.stateHash()).toBe(machine.stateHash());
        expect(recordsOf(other)).toEqual(recordsOf(machine));
      }),
      { numRuns: 200 },
    );
  });
});

describe('retries by a router', () => {
  it('are never applied twice, whatever the writes between them, the clocks and the restarts', () => {
    const course = fc.array(
      fc.record({
        /** Which of the earlier writes is retried; undefined: a new one. */
        again: fc.option(fc.nat({ max: 30 }), { nil: undefined }),
        // Ids and entries are stamped by unrelated clocks.
        createdMs: fc.integer({ min: 0, max: 3000 }),
        version: fc.constantFrom(4, 7),
        attempt: fc.constantFrom<Attempt>('initial', 'client-keyed'),
        atMs: fc.integer({ min: 0, max: 3000 }),
        lost: fc.boolean(),
        reload: fc.boolean(),
      }),
      { minLength: 1, maxLength: 80, size: 'max' },
    );
    fc.assert(
      fc.property(course, (steps) => {
        let store = new MapStateStore();
        let machine = new KvMachine(store, OPTIONS);
        machine.load();
        const begun: { id: Uint8Array; applied: number }[] = [];
        steps.forEach(({ again, createdMs, version, attempt, atMs, lost, reload }, at) => {
          const earlier = again === undefined ? undefined : begun[again % Math.max(1, begun.length)];
          const write = earlier ?? { id: version === 7 ? v7Id(createdMs, at) : v4Id(at), applied: 0 };
          if (earlier === undefined) begun.push(write);
          // An initial attempt that never reached the log: its retry may be applied.
          if (earlier !== undefined || !lost) {
            const options = { id: write.id, attempt: earlier === undefined ? attempt : ('retry' as const), atMs };
            const answer = machine.apply(at + 1, putEntry('a', `${begun.indexOf(write)}`, options));
            if (answer?.type === 'put' && !answer.replayed) write.applied += 1;
          }
          expect(write.applied).toBeLessThanOrEqual(1);
          if (!reload) return;
          machine.flush();
          store = store.checkpoint();
          machine = new KvMachine(store, OPTIONS);
          machine.load();
        });
        // One revision of the key for each write that was applied.
        const total = begun.reduce((sum, { applied }) => sum + applied, 0);
        expect(machine.get(encodeKey('a'))?.version ?? 0).toBe(total);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the hash of the state', () => {
  const machineOf = (entries: readonly Uint8Array[]): [KvMachine, MapStateStore] => {
    const store = new MapStateStore();
    const machine = new KvMachine(store);
    machine.load();
    entries.forEach((entry, at) => machine.apply(at + 1, entry));
    return [machine, store];
  };

  it('is pinned, because replicas of two versions must agree', () => {
    expect(machineOf([])[0].stateHash()).toBe('1c3adff142ec021f');
    const id = v7Id(1000, 1);
    const entries = [putEntry('a', 'one', { id, atMs: 1000 }), deleteEntry('b', { id: v4Id(7), atMs: 2000 })];
    expect(machineOf(entries)[0].stateHash()).toBe('aaff0ee0d053143f');
  });

  it('differs when anything differs', () => {
    const id = v7Id(1000, 1);
    const options = { id, atMs: 1000 };
    const states = [
      [],
      [putEntry('a', 'one', options)],
      [putEntry('a', 'onf', options)],
      [putEntry('b', 'one', options)],
      [putEntry('a', 'one', { ...options, contentType: 'text/plaim' })],
      [putEntry('a', 'one', { ...options, atMs: 1001 })],
      [putEntry('a', 'one', { ...options, id: v7Id(1000, 2) })],
      [putEntry('a', 'one', { ...options, condition: { type: 'absent' } })],
      [putEntry('a', 'one', options), deleteEntry('b', { id: v4Id(1) })],
      [deleteEntry('b', { id: v4Id(1) }), putEntry('a', 'one', options)],
    ].map((entries) => machineOf(entries)[0].stateHash());
    expect(new Set(states).size).toBe(states.length);
    for (const state of states) expect(state).toMatch(/^[0-9a-f]{16}$/);
  });

  it('depends on the rows, not on the order of their writes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...KEYS), fc.option(fc.string())), { maxLength: 30, size: 'max' }),
        (writes) => {
          const [machine, store] = machineOf(
            writes.map(([key, body], at) =>
              body === null ? deleteEntry(key, { id: v4Id(at) }) : putEntry(key, body, { id: v4Id(at) }),
            ),
          );
          const sum = new HashSum();
          for (const [key, row] of store.scan('\u0000')) {
            const unhashed = Uint8Array.from(row).fill(0, 20, 28);
            const keyBytes = Buffer.from(key, 'latin1');
            const { high, low } = hashRow(unhashed, keyBytes, 1, keyBytes.length);
            sum.add(high, low);
          }
          machine.flush();
          const meta = Buffer.from(store.get('\u0002')!);
          expect([meta.readUInt32BE(13), meta.readUInt32BE(17)]).toEqual([sum.high, sum.low]);
        },
      ),
      { numRuns: 200 },
    );
  });
});
