/** Sessions of streams: a page of a view as of its moment, and what ends a view. */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadHash } from '../../src/shard/keys/hash.js';
import type { List } from '../../src/shard/list.js';
import type { Memtable } from '../../src/shard/machine/index.js';
import { encodeContent } from '../../src/shard/machine/record-row.js';
import { ListSessions, SESSION_MS, SESSION_WAL_BYTES } from '../../src/shard/node/list-sessions.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const list: Omit<List, 'view'> = {
  ...{ type: 'list', shard: 0, from: Uint8Array.of(8), to: undefined, reverse: false, content: 'values' },
  ...{ grouping: undefined, rows: 1, bytes: 1 << 20, consistency: 'stale' },
};

class Lab {
  readonly store = new MapStateStore();
  nowMs = 0;
  walBytes = 0;
  openViews = 0;
  sweep: (() => void) | undefined;
  readonly sessions: ListSessions;

  constructor(keys: readonly string[]) {
    for (const key of keys) this.put(key);
    const openView = () => {
      const view = this.store.checkpoint();
      const walBytes = (): number => this.walBytes;
      this.openViews += 1;
      return {
        range: view.range.bind(view),
        get walBytes() {
          return walBytes();
        },
        close: () => {
          this.openViews -= 1;
        },
      };
    };
    let id = 0;
    this.sessions = new ListSessions({ openView } as unknown as Memtable, {
      now: () => this.nowMs,
      random: () => (id += 1) / 100,
      every: (_ms, task) => {
        this.sweep = task;
        return { cancel: () => (this.sweep = undefined) };
      },
    });
  }

  put(key: string): void {
    const metadata = { revision: 1, createRevision: 1, version: 1, expiresAtMs: undefined };
    const encoded = Buffer.from(`@${key}`);
    this.store.set(`\0@${key}`, encodeContent(encoded, { ...metadata, contentType: 'a/b', body: Buffer.from('1') }));
  }

  /** The keys of a page, how to go on, and its revision; or the code of a refusal. */
  page(id: number, from: Uint8Array | undefined = list.from, isLast = false) {
    const answer = this.sessions.serve({ ...list, from }, { id, isLast }, 9);
    if (answer.type === 'refused') return answer.code;
    if (answer.type !== 'list') throw new Error('no list');
    const keys = answer.items.map(({ key }) => Buffer.from(key.subarray(1)).toString());
    return { keys, rest: answer.rest, view: answer.view, revision: answer.revision };
  }

  open(): { readonly view: number; readonly rest: Uint8Array | undefined } {
    const opened = this.page(0);
    if (typeof opened === 'string' || opened.view === undefined) throw new Error('not opened');
    return { view: opened.view, rest: opened.rest };
  }
}

describe('a session', () => {
  it('goes on with the state that it began with, and ends with the last page', () => {
    const lab = new Lab(['a', 'c']);
    const { view, rest } = lab.open();
    lab.put('b');
    expect(lab.page(view, rest)).toMatchObject({ keys: ['c'], revision: 9 });
    // Another session sees the state as it is now.
    expect(lab.page(0, rest)).toMatchObject({ keys: ['b'] });
    const last = lab.page(view, Buffer.from('@c\0'));
    expect(typeof last === 'string' || last.rest === undefined).toBe(true);
    expect(lab.openViews).toBe(1);
  });

  it.each<[string, (lab: Lab) => void]>([
    ['its time is up', (lab) => (lab.nowMs = SESSION_MS)],
    ['too much was written meanwhile', (lab) => (lab.walBytes = SESSION_WAL_BYTES + 1)],
  ])('is refused once %s, and is closed without being asked', (_name, pass) => {
    const lab = new Lab(['a', 'b', 'c']);
    const { view, rest } = lab.open();
    pass(lab);
    lab.sweep?.();
    expect([lab.openViews, lab.sweep]).toEqual([0, undefined]);
    expect(lab.page(view, rest)).toBe('snapshot-expired');
  });

  it('lasts until a value that was put off has been asked for, also the last one of its range', () => {
    const lab = new Lab(['a']);
    const whole = { ...list, rows: 1, view: { id: 0, isLast: false } };
    const first = lab.sessions.serve({ ...whole, bytes: 1 }, whole.view, 9);
    expect(first).toMatchObject({ items: [{ type: 'deferred' }], rest: undefined });
    const id = first.type === 'list' ? (first.view ?? 0) : 0;
    expect(lab.sessions.serve(whole, { id, isLast: false }, 9)).toMatchObject({ items: [{ type: 'record' }] });
    expect(lab.openViews).toBe(0);
  });

  it('is closed by who has read enough; an unknown one is refused', () => {
    const lab = new Lab(['a', 'b', 'c']);
    const { view, rest } = lab.open();
    expect(lab.page(view, rest, true)).toBe('snapshot-expired');
    expect(lab.openViews).toBe(0);
    expect(lab.page(12_345, rest)).toBe('snapshot-expired');
  });

  it('is one of a bounded number', () => {
    const lab = new Lab(['a', 'b', 'c']);
    const opened = Array.from({ length: 8 }, () => lab.open());
    expect(lab.page(0)).toBe('overloaded');
    lab.page(opened[3]?.view ?? 0, opened[3]?.rest, true);
    expect(lab.open().view).toBeGreaterThan(0);
    expect(lab.openViews).toBe(8);
  });
});
