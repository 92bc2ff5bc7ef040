/** Answers of programs, and deletions, between flushes, restarts and evictions. */
import { beforeAll, describe, expect, it } from 'vitest';
import { writeU48 } from '../../src/shard/big-endian.js';
import { hash64, loadHash } from '../../src/shard/keys/hash.js';
import { Deletions } from '../../src/shard/machine/deletions.js';
import { KeptAnswers } from '../../src/shard/machine/kept-answers.js';
import { Random } from '../../src/random.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const TABLE = '\u0001';
const answerOf = (number: number): Uint8Array => new Uint8Array(number % 50).fill(number);

const rowsOf = (store: MapStateStore, prefix: string): number => [...store.scan(prefix)].length;

describe('kept answers', () => {
  it('are found until their entries are evicted, whenever they were flushed and loaded', () => {
    const random = new Random(7);
    const store = new MapStateStore();
    let answers = new KeptAnswers(store, TABLE);
    let [head, tail] = [0, 0];
    const live = new Map<number, Uint8Array>();
    for (let step = 0; step < 2_000; step++) {
      // Between programs, the table has plain writes, too.
      tail += random.integer(1, 3);
      answers.add(tail, answerOf(tail));
      live.set(tail, answerOf(tail));
      for (; tail - head > 100; head++) {
        if (live.delete(head)) answers.evicted(head);
      }
      if (random.integer(1, 20) === 1) answers.flush(head);
      if (random.integer(1, 100) === 1) {
        answers.flush(head);
        answers = new KeptAnswers(store, TABLE);
        answers.load();
      }
      for (const [number, answer] of live) expect(answers.get(number)).toEqual(answer);
    }
    answers.flush(head);
    // One for each of the last flushes, and that with which the oldest entry begins.
    expect(rowsOf(store, '\u000b')).toBeLessThan(20);
    answers.flush(tail + 1);
    expect(rowsOf(store, '\u000b')).toBe(1);
  });

  it('are written in rows of bounded length, and those of other tables are others', () => {
    const store = new MapStateStore();
    const tables = [new KeptAnswers(store, TABLE), new KeptAnswers(store, '\u0007')];
    for (const [at, answers] of tables.entries()) {
      for (let number = 0; number < 40; number++) answers.add(number, Buffer.alloc(4_000, number + at));
      answers.flush(0);
    }
    const lengths = [...store.scan('\u000b')].map(([, row]) => row.length);
    expect(lengths).toHaveLength(6);
    expect(Math.max(...lengths)).toBeLessThan(70_000);
    expect(tables.map((answers) => answers.get(39)?.[0])).toEqual([39, 40]);
  });

  it('that an earlier build wrote, a row each, are found, and dropped with their entries', () => {
    const store = new MapStateStore();
    const former = (number: number): string => {
      const bytes = Buffer.alloc(6);
      writeU48(bytes, 0, number);
      return `\u0008${TABLE}${bytes.toString('latin1')}`;
    };
    for (const number of [3, 5]) store.set(former(number), answerOf(number));
    const answers = new KeptAnswers(store, TABLE);
    answers.load();
    answers.add(9, answerOf(9));
    answers.flush(3);
    expect([3, 5, 9, 4].map((number) => answers.get(number))).toEqual([...[3, 5, 9].map(answerOf), undefined]);
    answers.evicted(3);
    answers.evicted(5);
    expect(rowsOf(store, '\u0008')).toBe(0);
  });
});

describe('deletions', () => {
  it('are the same after any flushes and loads, whenever they are asked, and take a row for many', () => {
    const random = new Random(3);
    const store = new MapStateStore();
    let kept = new Deletions(store, 300);
    const [plain, asked] = [new Deletions(new MapStateStore(), 300), new Deletions(new MapStateStore(), 300)];
    for (const deletions of [kept, plain, asked]) deletions.begin(1);
    const last = new Map<string, number>();
    for (let revision = 2; revision < 2_000; revision++) {
      const key = `\0${random.integer(1, 500)}`;
      for (const deletions of [kept, plain, asked]) deletions.add(key, revision);
      last.set(key, revision);
      const [other, since] = [`\0${random.integer(1, 500)}`, revision - random.integer(0, 400)];
      const isUnchanged = since >= asked.state().unknownUpTo && (last.get(other) ?? 0) <= since;
      if (random.integer(1, 3) === 1) expect(asked.isUnchangedSince(other, since)).toBe(isUnchanged);
      if (random.integer(1, 50) > 1) continue;
      kept.flush();
      const state = kept.state();
      kept = new Deletions(store, 300);
      kept.load(state);
    }
    for (const deletions of [plain, asked]) expect(kept.state()).toEqual(deletions.state());
    for (let key = 1; key <= 500; key++) {
      for (const since of [1_500, 1_700, 1_800, 1_900, 1_999]) {
        const answers = [kept, plain, asked].map((deletions) => deletions.isUnchangedSince(`\0${key}`, since));
        expect(new Set(answers).size).toBe(1);
      }
    }
    kept.flush();
    expect(rowsOf(store, '\u000a')).toBeLessThan(5);
  });

  it('that an earlier build wrote, a row each, are known, and written as pages', () => {
    const store = new MapStateStore();
    for (const [number, key] of ['\0a', '\0b'].entries()) {
      const at = Buffer.alloc(6);
      writeU48(at, 0, number + 4);
      const row = Buffer.alloc(14);
      writeU48(row, 0, 10 + number);
      const { high, low } = hash64(Buffer.from(key, 'latin1'));
      row.writeUInt32BE(high, 6);
      row.writeUInt32BE(low, 10);
      store.set(`\u0006${at.toString('latin1')}`, row);
    }
    const state = { unknownUpTo: 9, last: 11, head: 4, tail: 6 };
    for (const rows of [2, 0]) {
      const deletions = new Deletions(store);
      deletions.load(state);
      expect(rowsOf(store, '\u0006')).toBe(rows);
      expect([10, 11].map((since) => deletions.isUnchangedSince('\0b', since))).toEqual([false, true]);
      deletions.flush();
    }
    expect(rowsOf(store, '\u000a')).toBe(1);
    expect(() => {
      new Deletions(store).load({ ...state, tail: 7 });
    }).toThrow('do not match');
  });
});
