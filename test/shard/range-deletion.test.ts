/** The deletion of a range as a program: what one entry deletes, where it stops, and that rows do not matter. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { PageBounds, RowPage, RowRange } from '../../src/raft/index.js';
import { encodeProgramCommand } from '../../src/shard/machine/command.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import { Locks } from '../../src/shard/machine/locks.js';
import { locksOf } from '../../src/shard/machine/lock-needs.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { stringKey } from '../../src/shard/keys/encoder.js';
import { decodeOutcome, encodeProgram } from '../../src/shard/program-codec.js';
import type { DeleteRange, Program, Step, StepResult } from '../../src/shard/program.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const base = { condition: { type: 'none' }, returning: 'nothing' } as const;
const programOf = (then: readonly Step[], more: Partial<Program> = {}): Program => ({
  ...{ comparisons: [], then, otherwise: [], onError: 'fail', valueLimit: 1_000_000, ...more },
});
const deletion = (from: string, to: string | undefined, more: Partial<DeleteRange> = {}): DeleteRange => ({
  ...{ type: 'delete-range', key: stringKey(from), to: to === undefined ? undefined : stringKey(to), ...base },
  ...{ most: 10_000, mostBytes: 1e9, ...more },
});

/** Pages have as many rows as `pageRows`, whatever is asked for: as rows in memory and on disk are split differently. */
class Lab {
  readonly store = new MapStateStore();
  readonly machine: KvMachine;
  #index = 0;

  constructor(pageRows = 1_000) {
    const { store } = this;
    this.machine = new KvMachine({
      get: store.get.bind(store),
      getAll: store.getAll.bind(store),
      set: store.set.bind(store),
      delete: store.delete.bind(store),
      scan: store.scan.bind(store),
      range: (range: RowRange, { rows, bytes }: PageBounds): RowPage =>
        store.range(range, { rows: Math.min(rows, pageRows), bytes }),
    });
  }

  run(nowMs: number, ...steps: readonly Step[]): StepResult | undefined {
    const operationId = Buffer.alloc(16);
    operationId.writeUInt32BE(++this.#index, 0);
    const body = encodeProgram(programOf(steps));
    const write = { type: 'program', key: stringKey(''), body, operationId, attempt: 'initial' } as const;
    const answer = this.machine.apply(this.#index, encodeProgramCommand(write, nowMs));
    if (answer?.type !== 'program') throw new Error(`an answer of type ${String(answer?.type)}`);
    const outcome = decodeOutcome(answer.outcome);
    if ('code' in outcome) throw new Error(outcome.message);
    return outcome.results[0];
  }

  put(key: string, bytes = 1, ttlMs?: number): void {
    const expiry = ttlMs === undefined ? ({ type: 'none' } as const) : ({ type: 'after', ms: ttlMs } as const);
    const body = Buffer.alloc(bytes, 7);
    this.run(1_000, { type: 'put', key: stringKey(key), body, contentType: 'a/b', expiry, ...base });
  }
}

const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 4 });

describe('a range is deleted', () => {
  it('like the keys of a sorted array, step by step, and the same wherever rows are', () => {
    const inputs = fc.record({
      keys: fc.uniqueArray(text, { maxLength: 25 }),
      from: text,
      to: fc.option(text, { nil: undefined }),
      most: fc.integer({ min: 1, max: 6 }),
      pages: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
    });
    fc.assert(
      fc.property(inputs, ({ keys, from, to, most, pages }) => {
        const labs = pages.map((rows) => new Lab(rows));
        for (const key of keys) for (const lab of labs) lab.put(key);
        const within = [...keys].sort().filter((key) => key >= from && (to === undefined || key < to));
        let start = from;
        for (let left = within; ; left = left.slice(most)) {
          const results = labs.map((lab) => lab.run(1_000, deletion(start, to, { most })));
          const rest = left[most];
          const expected = { type: 'delete-range', deleted: Math.min(most, left.length) };
          for (const result of results) {
            expect(result).toMatchObject(expected);
            const bound = result?.type === 'delete-range' ? result.rest : undefined;
            expect(bound && Buffer.from(bound.subarray(1)).toString()).toBe(rest);
          }
          if (rest === undefined) break;
          start = rest;
        }
        for (const key of keys) {
          for (const { machine } of labs) {
            expect(machine.get(stringKey(key)) === undefined).toBe(within.includes(key));
            expect(machine.keyCount).toBe(keys.length - within.length);
          }
        }
        expect(labs[0]?.machine.stateHash()).toBe(labs[1]?.machine.stateHash());
      }),
      { numRuns: 150 },
    );
  });

  it('up to a number of bytes, and at least one key', () => {
    const lab = new Lab();
    for (const key of ['a', 'b', 'c']) lab.put(key, 1_000);
    expect(lab.run(1_000, deletion('', undefined, { mostBytes: 10 }))).toMatchObject({ deleted: 1 });
    expect(lab.run(1_000, deletion('', undefined, { mostBytes: 2_500 }))).toMatchObject({
      deleted: 2,
      rest: undefined,
    });
  });

  it('with keys that are due, which do not count', () => {
    const lab = new Lab();
    lab.put('a');
    lab.put('b', 1, 500);
    expect(lab.run(2_000, deletion('', undefined))).toMatchObject({ deleted: 1 });
    expect([lab.machine.keyCount, lab.machine.earliestExpiryMs]).toEqual([0, Infinity]);
  });

  it('and a transaction that watched one of its keys notices', () => {
    const lab = new Lab();
    lab.put('a');
    lab.run(1_000, deletion('', undefined));
    const key = stringKey('a');
    const body = encodeProgram(
      programOf([{ type: 'get', key, ...base }], { comparisons: [{ type: 'unchanged-since', key, revision: 1 }] }),
    );
    expect(decodeOutcome(lab.machine.read(body, 2))).toMatchObject({ succeeded: false });
  });
});

describe('a range with a key that a transaction holds', () => {
  it('cannot be deleted meanwhile, whether the key is read or written', () => {
    const key = (text: string): string => `\0@${text}`;
    const none = new Set<string>();
    const over = locksOf(programOf([deletion('b', 'd')]));
    for (const held of ['a', 'b', 'c', 'd']) {
      for (const locked of [
        { shared: new Set([key(held)]), exclusive: none },
        { shared: none, exclusive: new Set([key(held)]) },
      ]) {
        const locks = new Locks();
        locks.acquire('t', locked);
        expect(locks.conflicts(over)).toBe(held === 'b' || held === 'c');
        locks.release('t', locked);
        expect(locks.conflicts(over)).toBe(false);
      }
    }
  });
});

describe('a program that deletes a range', () => {
  const get: Step = { type: 'get', key: stringKey('a'), ...base };
  const range = deletion('a', 'b');

  it('does nothing else, and no more than an entry may', () => {
    const refused = (program: Program): void => {
      expect(() => encodeProgram(program)).toThrow(/by a program of its own|keys to delete|a bound of/);
    };
    refused(programOf([range, get]));
    refused(programOf([get, range]));
    refused(programOf([get], { otherwise: [range] }));
    refused(programOf([range], { comparisons: [{ type: 'absent', key: stringKey('a') }] }));
    refused(programOf([{ ...range, returning: 'previous' }]));
    refused(programOf([{ ...range, condition: { type: 'exists' } }]));
    refused(programOf([{ ...range, most: 0 }]));
    refused(programOf([{ ...range, most: 10_001 }]));
    refused(programOf([{ ...range, to: new Uint8Array(5_000) }]));
    expect(() => encodeProgram(programOf([range]))).not.toThrow();
  });
});
