import { beforeAll, describe, expect, it } from 'vitest';
import { EntryKind, type Entry } from '../../src/raft/index.js';
import { encodeProgram, loadHash, stringKey, type ReplicaView, type Step } from '../../src/shard/index.js';
import { encodeExpireCommand, encodeProgramCommand } from '../../src/shard/machine/index.js';
import type { Attempt } from '../../src/shard/operation.js';
import { Reference } from '../../src/sim/reference.js';

beforeAll(loadHash);

const START_MS = 1_700_000_000_000;
const BASE = { condition: { type: 'none' }, returning: 'nothing' } as const;

/** A shard of one replica, whose log grows as a leader would write it. */
class Shard {
  readonly entries: Entry[] = [];
  readonly marks: string[] = [];
  readonly states: string[] = [];
  term = 1;
  nowMs = START_MS;
  readonly reference = new Reference({
    scenario: { dedupEntries: 2, keyedEntries: 2, keys: 2, clients: 1, counters: 1, shards: 1 },
    now: () => this.nowMs - START_MS,
    reached: (mark) => this.marks.push(mark),
    onState: (group, index, hash) => this.states.push(`${group} ${index} ${hash}`),
  });

  add(data: Uint8Array, kind: EntryKind = EntryKind.command): void {
    const index = this.entries.length + 1;
    this.entries.push({ index, term: this.term, kind, data });
    const log = { commit: index, entryAt: (at: number) => this.entries[at - 1] };
    this.reference.inspect([{ id: 1, raft: { log } } as unknown as ReplicaView]);
  }

  put(key: string, { ttlMs, id = ++this.#ids, attempt = 'initial', idMs = this.nowMs } = {} as Put): void {
    const expiry = ttlMs === undefined ? ({ type: 'none' } as const) : ({ type: 'after', ms: ttlMs } as const);
    const body = Buffer.from('v');
    const step: Step = { type: 'put', key: stringKey(key), body, contentType: 'text/plain', expiry, ...BASE };
    const content = { comparisons: [], then: [step], otherwise: [], onError: 'fail', valueLimit: 100 } as const;
    const operationId = Buffer.alloc(16, id);
    operationId.writeUIntBE(idMs, 0, 6);
    operationId[6] = 0x70;
    operationId[8] = 0x80;
    const write = { type: 'program', key: stringKey(key), body: encodeProgram(content), operationId, attempt } as const;
    this.add(encodeProgramCommand(write, this.nowMs));
  }
  #ids = 0;

  expire(...keys: readonly string[]): void {
    this.add(encodeExpireCommand(keys.map(stringKey), this.nowMs));
  }

  get armed(): string[] {
    return [...this.reference.armed()].map(([, { name }]) => name);
  }
}

interface Put {
  readonly ttlMs?: number;
  readonly id?: number;
  readonly attempt?: Attempt;
  readonly idMs?: number;
}

describe('the reference', () => {
  it('has a state after every committed entry, and knows which keys have a deadline', () => {
    const shard = new Shard();
    shard.add(new Uint8Array(0), EntryKind.noop);
    shard.put('k1', { ttlMs: 100 });
    shard.put('c1');
    expect(shard.states.map((state) => state.slice(0, 3))).toEqual(['1 1', '1 2', '1 3']);
    expect(new Set(shard.states.map((state) => state.slice(4))).size).toBe(3);
    expect(shard.armed).toEqual(['k1']);
    shard.put('k1');
    expect(shard.armed).toEqual([]);
  });

  it('says when replicated time has reached a moment, once', () => {
    const shard = new Shard();
    shard.put('k1');
    let reached = 0;
    shard.reference.whenTime(0, shard.reference.timeOf(0) + 50, () => reached++);
    shard.nowMs += 49;
    shard.put('k2');
    expect(reached).toBe(0);
    shard.nowMs += 1;
    shard.put('k2');
    shard.put('k2');
    expect(reached).toBe(1);
  });

  it('marks by what a key expired', () => {
    const shard = new Shard();
    for (const key of ['k1', 'k2', 'c1']) shard.put(key, { ttlMs: 100 });
    shard.nowMs += 100;
    shard.expire('k1');
    shard.put('k2');
    shard.term = 2;
    shard.expire('c1');
    expect(shard.marks).toEqual(['expired-by-entry', 'expired-by-write', 'expired-by-later-leader']);
    expect(shard.armed).toEqual([]);
  });

  it('marks what became of ids that clients choose', () => {
    const shard = new Shard();
    shard.put('k1', { id: 9, attempt: 'keyed' });
    shard.put('k1', { id: 9, attempt: 'keyed-retry' });
    expect(shard.marks).toEqual(['program-replayed']);
    const old = shard.nowMs;
    for (let n = 0; n < 3; n++) {
      shard.nowMs += 10;
      shard.put('k1', { attempt: 'keyed' });
    }
    shard.put('k1', { id: 9, idMs: old, attempt: 'keyed' });
    expect(shard.marks.slice(1)).toEqual(['keyed-id-evicted']);
    // Their time is to come: they say nothing of when they were made, and none of them is pushed out.
    for (let n = 0; n < 3; n++) shard.put('k1', { idMs: shard.nowMs + 60_000, attempt: 'keyed' });
    expect(shard.marks.slice(2)).toEqual(['keyed-id-without-room']);
  });

  it('notices an operation that is decided twice', () => {
    const shard = new Shard();
    shard.put('k1', { id: 0x55, attempt: 'initial' });
    shard.put('k1');
    shard.put('k1');
    // Evicted meanwhile. As a first attempt it is applied once more, which is allowed; as a repeat it must not be.
    shard.put('k1', { id: 0x55, idMs: START_MS, attempt: 'initial' });
    expect(() => {
      for (let n = 0; n < 3; n++) shard.put('k1');
      shard.put('k1', { id: 0x55, idMs: START_MS, attempt: 'keyed' });
    }).toThrow('was decided by');
  });
});
