/**
 * Row cache and memtable against simple models: with checkpoints that stay open for long, states that are replaced
 * meanwhile, and a cache so small that it evicts rows all the time.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { StateRowWriter } from '../../src/raft/storage/state/state-rows.js';
import { loadHash, MemoryDisk, MemoryStorage } from '../../src/shard/index.js';
import { encodeKey } from '../../src/shard/keys/index.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import { RowCache, type HeldRow } from '../../src/shard/machine/row-cache.js';
import { Memtable } from '../../src/shard/machine/memtable.js';
import { deleteEntry, putEntry, v4Id } from '../support/commands.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const durable = (value: Uint8Array): HeldRow => ({ value, layer: 0 });
const configuration = { voters: [1], votersOutgoing: [], learners: [] };
const GROUPS = [1, 2] as const;
/** Values are unique, so that a stale one can be told from the latest. */
let made = 0;
const valueOf = (length: number): Uint8Array => {
  const value = new Uint8Array(8 + length);
  new DataView(value.buffer).setFloat64(0, ++made);
  return value;
};

const numberIn = (row: Uint8Array | undefined): number | undefined =>
  row && new DataView(row.buffer, row.byteOffset).getFloat64(0);

describe('recent rows', () => {
  const step = fc.record({
    what: fc.constantFrom('set', 'set', 'set', 'get', 'get', 'replace', 'replace', 'delete', 'clear' as const),
    group: fc.constantFrom(...GROUPS),
    key: fc.integer({ min: 0, max: 9 }).map((n) => `key-${n}`),
    length: fc.integer({ min: 0, max: 150 }),
  });
  const sizeOf = (key: string, value: Uint8Array): number => key.length + value.length + 104;

  it('are the latest or absent, and present until half of the bound was used since', () => {
    const property = fc.property(
      fc.array(step, { maxLength: 120, size: 'max' }),
      fc.integer({ min: 0, max: 2_000 }),
      (steps, most) => {
        const recent = new RowCache(most);
        const model = new Map<string, { readonly value: Uint8Array; usedAt: number }>();
        let used = 0;
        for (const { what, group, key, length } of steps) {
          const name = `${group} ${key}`;
          const held = model.get(name);
          if (what === 'set') {
            const value = valueOf(length);
            recent.of(group).set(key, durable(value));
            used += sizeOf(key, value);
            model.set(name, { value, usedAt: used });
          } else if (what === 'replace') {
            const value = valueOf(length);
            // Only what was asked for just now can be replaced.
            const before = recent.of(group).get(key);
            const replaced = recent.of(group).replaceLast(key, 0, value);
            if (before === undefined) expect(replaced).toBe(false);
            if (before !== undefined) used += sizeOf(key, before.value);
            if (!replaced) continue;
            used += value.length;
            model.set(name, { value, usedAt: used });
          } else if (what === 'get') {
            const found = recent.of(group).get(key)?.value;
            if (found !== undefined) expect(found).toBe(held?.value);
            if (held === undefined) continue;
            if (used - held.usedAt <= most / 2 && most > 0 && found === undefined) {
              expect.unreachable(`${name} was dropped, and of ${most} bytes ${used - held.usedAt} were used since`);
            }
            if (found === undefined) model.delete(name);
            else held.usedAt = used += sizeOf(key, found);
          } else if (what === 'delete') {
            recent.of(group).delete(key);
            model.delete(name);
          } else {
            recent.clear(group);
            for (const each of model.keys()) if (each.startsWith(`${group} `)) model.delete(each);
          }
        }
        let bytes = 0;
        let largest = 0;
        for (const [name, { value }] of model) {
          const [group, key = ''] = name.split(' ');
          if (recent.of(Number(group)).get(key)?.value !== undefined) bytes += sizeOf(key, value);
          largest = Math.max(largest, sizeOf(key, value));
        }
        // The row that goes beyond the bound of a generation belongs to it.
        expect(bytes).toBeLessThanOrEqual(most + 2 * largest);
      },
    );
    fc.assert(property, { numRuns: 1_000 });
  });
});

type Step =
  | { readonly type: 'set' | 'delete' | 'get'; readonly group: number; readonly key: string; readonly length: number }
  | { readonly type: 'begin'; readonly groups: readonly number[] }
  | { readonly type: 'finish' | 'look' | 'restart' }
  | {
      readonly type: 'install';
      readonly group: number;
      readonly keys: readonly string[];
      readonly reads: readonly string[];
    };

const KEYS = ['', 'a', 'ab', '\u00ff'] as const;
const key = fc.constantFrom(...KEYS);
const group = fc.constantFrom(...GROUPS);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      type: fc.constantFrom('set', 'set', 'delete', 'get', 'get' as const),
      group,
      key,
      length: fc.integer({ min: 0, max: 60 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('begin' as const), groups: fc.uniqueArray(group) }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constantFrom('finish', 'finish', 'look', 'look', 'restart' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('install' as const),
      group,
      keys: fc.uniqueArray(key, { maxLength: 4 }),
      reads: fc.array(key, { maxLength: 6 }),
    }),
  },
);

/** Two groups on one disk, whose syncs the test controls, with one row cache. */
class Tables {
  readonly #disk = new MemoryDisk();
  readonly #maxBytes: number;
  readonly #models = new Map(GROUPS.map((id) => [id as number, new Map<string, number>()]));
  #syncs: (() => void)[] = [];
  #storage!: MemoryStorage;
  #tables!: Map<number, Memtable>;
  #checkpoint: { readonly done: Promise<void>; readonly groups: readonly number[] } | undefined;
  #index = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  async open(): Promise<void> {
    this.#storage = new MemoryStorage(this.#disk, { defer: (task) => this.#syncs.push(task) });
    await this.#storage.open();
    const recent = new RowCache(this.#maxBytes);
    this.#tables = new Map(GROUPS.map((id) => [id, new Memtable(this.#storage, id, recent)]));
  }

  async run(s: Step): Promise<void> {
    switch (s.type) {
      case 'set': {
        const value = valueOf(s.length);
        this.#table(s.group).set(s.key, value);
        this.#model(s.group).set(s.key, made);
        break;
      }
      case 'delete':
        this.#table(s.group).delete(s.key);
        this.#model(s.group).delete(s.key);
        break;
      case 'get':
        expect(this.#read(s.group, s.key)).toBe(this.#model(s.group).get(s.key));
        break;
      case 'begin':
        this.#begin(s.groups);
        break;
      case 'finish':
        await this.#finish();
        break;
      case 'look':
        this.compare();
        break;
      case 'restart':
        await this.#restart();
        break;
      case 'install':
        await this.#install(s);
    }
  }

  #begin(groups: readonly number[]): void {
    if (this.#checkpoint !== undefined) return;
    const index = ++this.#index;
    const parts = groups.map((id) => {
      return { group: id, meta: { index, term: 1, configuration }, rows: this.#table(id).seal() };
    });
    this.#checkpoint = { done: this.#storage.checkpoint(parts), groups };
  }

  async #finish(): Promise<void> {
    if (this.#checkpoint === undefined) return;
    const { done, groups } = this.#checkpoint;
    this.#sync();
    await done;
    for (const id of groups) this.#table(id).release();
    this.#checkpoint = undefined;
  }

  /** There is no log to replay here, so a checkpoint of everything precedes the restart. */
  async #restart(): Promise<void> {
    await this.#finish();
    this.#begin(GROUPS);
    await this.#finish();
    this.#storage.crash();
    await this.open();
    this.compare();
  }

  /** As a group does: from the last chunk until it is durable nothing is applied, and stale reads are served. */
  async #install(s: Extract<Step, { readonly type: 'install' }>): Promise<void> {
    const before = this.#model(s.group);
    const after = new Map<string, number>();
    const writer = new StateRowWriter();
    for (const name of s.keys) {
      writer.add(name, valueOf(4));
      after.set(name, made);
    }
    await this.#storage.stageChunk(s.group, 0, writer.take());
    const installed = this.#storage.install(s.group, { index: ++this.#index, term: 1, configuration }, undefined);
    for (const name of s.reads) expect(this.#read(s.group, name)).toBe(before.get(name));
    this.#sync();
    // Durable, but the group is not notified yet: either state may be read.
    for (const name of s.reads) expect([before.get(name), after.get(name)]).toContain(this.#read(s.group, name));
    await installed;
    this.#table(s.group).clear();
    this.#models.set(s.group, after);
    this.compare();
  }

  #sync(): void {
    for (const task of this.#syncs.splice(0)) task();
  }

  compare(): void {
    for (const id of GROUPS) {
      const rows = [...this.#table(id).scan('')].map(([name, row]) => [name, numberIn(row)]);
      expect(rows).toEqual([...this.#model(id)].sort(([a], [b]) => (a < b ? -1 : 1)));
      for (const name of KEYS) expect(this.#read(id, name)).toBe(this.#model(id).get(name));
    }
  }

  #read(id: number, name: string): number | undefined {
    const table = this.#table(id);
    // Together with another one and twice; before `get`, which leaves it in the cache.
    const together = table.getAll([name, 'no such key', name]).map(numberIn);
    const alone = numberIn(table.get(name));
    expect(together).toEqual([alone, undefined, alone]);
    expect(table.getAll([name]).map(numberIn)).toEqual([alone]);
    return alone;
  }

  #table(id: number): Memtable {
    return this.#tables.get(id)!;
  }

  #model(id: number): Map<string, number> {
    return this.#models.get(id)!;
  }
}

const bounds = fc.constantFrom(0, 250, 600, 100_000);

describe('tables with recent rows', () => {
  it('read the latest value, however long a checkpoint is open and whatever was replaced meanwhile', async () => {
    const property = fc.asyncProperty(
      fc.array(step, { maxLength: 80, size: 'max' }),
      bounds,
      async (steps, maxBytes) => {
        const tables = new Tables(maxBytes);
        await tables.open();
        for (const s of steps) await tables.run(s);
        tables.compare();
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});

describe('a state machine on such a table', () => {
  const writes = fc.record({
    what: fc.constantFrom('put', 'put', 'put', 'delete', 'begin', 'finish' as const),
    key: fc.integer({ min: 0, max: 5 }),
    length: fc.integer({ min: 0, max: 80 }),
    condition: fc.constantFrom('none', 'none', 'absent', 'exists', 'revision' as const),
  });

  it('answers, hashes and restarts like one on a map', async () => {
    const property = fc.asyncProperty(
      fc.array(writes, { maxLength: 60, size: 'max' }),
      bounds,
      async (steps, maxBytes) => {
        const disk = new MemoryDisk();
        const syncs: (() => void)[] = [];
        const storage = new MemoryStorage(disk, { defer: (task) => syncs.push(task) });
        await storage.open();
        const table = new Memtable(storage, 1, new RowCache(maxBytes));
        const machine = new KvMachine(table, { maxDedupEntries: 8 });
        const plain = new KvMachine(new MapStateStore(), { maxDedupEntries: 8 });
        for (const each of [machine, plain]) each.load();
        let checkpoint: Promise<void> | undefined;
        const begin = (index: number): void => {
          machine.flush();
          const meta = { index, term: 1, configuration };
          checkpoint = storage.checkpoint([{ group: 1, meta, rows: table.seal() }]);
        };
        const finish = async (): Promise<void> => {
          for (const task of syncs.splice(0)) task();
          await checkpoint;
          if (checkpoint !== undefined) table.release();
          checkpoint = undefined;
        };
        for (const [i, { what, key: n, length, condition: type }] of steps.entries()) {
          const index = i + 1;
          if (what === 'begin' && checkpoint === undefined) begin(index);
          if (what === 'finish') await finish();
          const key = encodeKey(`key-${n}`);
          const revision = plain.get(key)?.revision ?? 0;
          const condition = type === 'revision' ? ({ type, revision } as const) : ({ type } as const);
          const options = { id: v4Id(index), condition };
          const entry =
            what === 'delete' ? deleteEntry(`key-${n}`, options) : putEntry(`key-${n}`, '.'.repeat(length), options);
          expect(machine.apply(index, entry)).toEqual(plain.apply(index, entry));
          expect(machine.get(key)).toEqual(plain.get(key));
          expect(machine.stateHash()).toBe(plain.stateHash());
        }
        await finish();
        begin(steps.length + 1);
        await finish();
        const again = new KvMachine(new Memtable(storage, 1, new RowCache(maxBytes)), { maxDedupEntries: 8 });
        again.load();
        expect([again.stateHash(), again.keyCount]).toEqual([plain.stateHash(), plain.keyCount]);
        for (let n = 0; n < 6; n++) expect(again.get(encodeKey(`key-${n}`))).toEqual(plain.get(encodeKey(`key-${n}`)));
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });
});
