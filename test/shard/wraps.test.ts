/** Counters of a shard and of its links, from just before they exceed 31, 32 or 48 bits. */
import { beforeAll, describe, expect, it } from 'vitest';
import { AnswerKind, DedupTable } from '../../src/shard/machine/dedup-table.js';
import { readU32, readU48, writeU32, writeU48 } from '../../src/shard/big-endian.js';
import { loadHash, stringKey, type PeerMessage } from '../../src/shard/index.js';
import { encodeKey } from '../../src/shard/keys/index.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import { PieceAssembler } from '../../src/shard/transport/pieces.js';
import { SendWindow } from '../../src/shard/transport/send-window.js';
import { decodeFrame, encodeFrame } from '../../src/shard/transport/wire.js';
import { WireError } from '../../src/shard/transport/wire-buffer.js';
import { deleteEntry, putEntry, v4Id } from '../support/commands.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const LIMIT = 2 ** 48;
/** The last: the encodings have 48 bits. */
const EDGES = [2 ** 31, 2 ** 32, 2 ** 47, LIMIT - 12];
const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [] };

it('rows hold numbers exactly', () => {
  const bytes = new Uint8Array(8);
  for (const edge of [0, ...EDGES, LIMIT - 1]) {
    for (let value = Math.max(0, edge - 2); value <= Math.min(edge + 2, LIMIT - 1); value++) {
      bytes.fill(0xff);
      writeU48(bytes, 1, value);
      expect([readU48(bytes, 1), bytes[0], bytes[7]]).toEqual([value, 0xff, 0xff]);
      if (value >= 2 ** 32) continue;
      writeU32(bytes, 1, value);
      expect(readU32(bytes, 1)).toBe(value);
    }
  }
});

describe.each(EDGES)('the state machine around revision %d', (edge) => {
  it('uses the index of each write as its revision, and is the same after a checkpoint', () => {
    let store = new MapStateStore();
    let machine = new KvMachine(store);
    machine.load();
    const created = edge - 6;
    let last = 0;
    for (let index = created; index < edge + 6; index++) {
      const version = index - created + 1;
      const condition = last === 0 ? ({ type: 'absent' } as const) : ({ type: 'revision', revision: last } as const);
      const entry = putEntry('a', `${index}`, { id: v4Id(version), condition });
      expect(machine.apply(index, entry)).toMatchObject({ type: 'put', revision: index, version });
      last = index;
      expect(machine.get(encodeKey('a'))).toMatchObject({ revision: index, createRevision: created, version });
      const hash = machine.stateHash();
      machine.flush();
      store = store.checkpoint();
      machine = new KvMachine(store);
      machine.load();
      expect(machine.stateHash()).toBe(hash);
    }
    // Retries get the first answer with its revision; a condition on another revision fails and names the current one.
    expect(
      machine.apply(last + 1, putEntry('a', `${created}`, { id: v4Id(1), condition: { type: 'absent' } })),
    ).toEqual({
      type: 'put',
      revision: created,
      version: 1,
      created: true,
      replayed: true,
    });
    const others = [last - 1, last % 2 ** 32, last % 2 ** 31].filter((each) => each !== last);
    for (const [i, revision] of others.entries()) {
      const wrong = machine.apply(
        last + 2,
        deleteEntry('a', { id: v4Id(100 + i), condition: { type: 'revision', revision } }),
      );
      expect(wrong).toMatchObject({ code: 'precondition-failed', details: { currentRevision: last } });
    }
    const whole = { id: v4Id(200), condition: { type: 'revision', revision: last } } as const;
    const deleted = machine.apply(last + 3, deleteEntry('a', whole));
    expect(deleted).toMatchObject({ type: 'delete', deleted: true, revision: last + 3 });
    expect(machine.stateHash().length).toBe(16);
  });

  it('keeps dedup entries with revisions on both sides, in the order of their rows', () => {
    let store = new MapStateStore();
    const options = { space: '\u0001', maxEntries: 150, windowMs: 1_000 };
    const from = edge - 400;
    const start = { head: from, tail: from, evictionWatermarkMs: 0, hashHigh: 0, hashLow: 0 };
    let memory = new DedupTable(store, options);
    memory.load(start);
    const last = Math.min(from + 800, LIMIT - 1) - from;
    for (let n = 1; n <= last; n++) {
      const answer = { kind: AnswerKind.updated, revision: from + n, detail: n, fingerprintHigh: n, fingerprintLow: n };
      memory.insert(v4Id(n), 0, 0, answer);
      if (n % 97 !== 0) continue;
      memory.flush();
      const state = memory.state();
      store = store.checkpoint();
      memory = new DedupTable(store, options);
      memory.load(state);
      for (let known = Math.max(1, n - 149); known <= n; known++) {
        expect(memory.find(v4Id(known), 0)).toMatchObject({ revision: from + known, detail: known });
      }
      if (n > 150) expect(memory.find(v4Id(n - 150), 0)).toBeUndefined();
      expect(store.keys('\u0001').length).toBeLessThanOrEqual(3);
    }
  });
});

/** Replaces byte arrays of any kind by plain arrays. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

const ends = { from: 1, to: 2 };
/** Every message with an unbounded number, with `n` in each such field. */
function messagesOf(n: number): PeerMessage[] {
  const raft = (message: object): PeerMessage =>
    ({ type: 'raft', group: 2 ** 32 - 1, message: { ...ends, term: n, ...message } }) as PeerMessage;
  const record = { revision: n, createRevision: n - 1, version: n - 2, contentType: '', body: new Uint8Array(0) };
  const reply = (answer: object): PeerMessage =>
    ({ type: 'reply', id: n, reply: { term: n, servedBy: 1, answer } }) as PeerMessage;
  const key = stringKey('a');
  const condition = { type: 'revision', revision: n } as const;
  const write = { type: 'delete', key, condition, operationId: v4Id(1), attempt: 'initial' } as const;
  const refusal = { type: 'refused', code: 'precondition-failed', outcome: 'not_applied', message: '' } as const;
  return [
    raft({
      type: 'append',
      prevIndex: n - 2,
      prevTerm: n - 1,
      commit: n - 3,
      entries: [n - 1, n].map((index) => ({ index, term: n, kind: 1, data: new Uint8Array(3) })),
    }),
    raft({ type: 'append-ok', index: n }),
    raft({ type: 'append-refused', rejectedIndex: n, hintIndex: n - 1, hintTerm: n - 2, lastIndex: n - 3 }),
    raft({ type: 'heartbeat', commit: n, readContext: n - 1, quiesce: false }),
    raft({ type: 'heartbeat-ok', readContext: n, lastIndex: n - 1 }),
    raft({ type: 'vote', preVote: false, lastIndex: n, lastTerm: n - 1, forced: false }),
    raft({
      type: 'snapshot',
      meta: { index: n, term: n - 1, configuration },
      sequence: n - 2,
      data: new Uint8Array(0),
      done: true,
    }),
    raft({ type: 'snapshot-answer', index: n, wanted: n - 1 }),
    { type: 'request', id: n, request: { shard: 2 ** 32 - 1, budgetMs: 1, operation: write } },
    reply({ type: 'get', record, revision: n }),
    reply({ type: 'put', revision: n, version: n - 1, created: false, replayed: false }),
    reply({ type: 'delete', deleted: true, revision: n, replayed: false }),
    reply({ ...refusal, details: { currentRevision: n } }),
    { type: 'status-request', id: n },
    { type: 'position', position: n },
    { type: 'read-index-request', group: 2 ** 32 - 1, id: n },
    { type: 'read-index', group: 2 ** 32 - 1, id: n - 1, index: n },
    { type: 'ping', epoch: n, stopping: false },
  ];
}

describe('the wire', () => {
  it.each(EDGES)('carries every number around %d', (edge) => {
    for (let n = edge - 2; n <= edge + 2; n++) {
      const frame = { ...ends, messages: messagesOf(n) };
      const read = decodeFrame(encodeFrame(frame)).messages;
      expect(read.map(plain)).toMatchObject(frame.messages.map(plain) as object[]);
    }
  });

  it('refuses a number of 2^48, and names the field', () => {
    expect(decodeFrame(encodeFrame({ ...ends, messages: messagesOf(LIMIT - 1) })).messages).toHaveLength(18);
    for (const message of messagesOf(LIMIT)) {
      expect(() => encodeFrame({ ...ends, messages: [message] })).toThrow(
        new WireError(`${LIMIT} is not an integer in [0, ${LIMIT})`),
      );
    }
  });
});

describe('what has arrived over a link', () => {
  /** Sends pieces of 1 KB; checks each receipt, and that the window accepts it. */
  function carry(before: number, count: number) {
    const arrivals = new PieceAssembler(1_000_000, before);
    const window = new SendWindow(before);
    const totals: number[] = [];
    for (let now = 0; now < count; now++) {
      window.sentPiece(1_000, now);
      arrivals.take(new Uint8Array(1_000).fill(241));
      const receipt = arrivals.receipt(() => now);
      const acknowledged = new PieceAssembler(1).take(receipt!) as number;
      totals.push(acknowledged - before);
      expect(window.acknowledged(acknowledged, now)).toBe(true);
      expect(window.inFlight).toBe(0);
    }
    return totals;
  }

  it.each([2 ** 31, 2 ** 32, 2 ** 47, LIMIT - 10_000])('is counted on across %d bytes', (edge) => {
    expect(carry(edge - 3_500, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((n) => n * 1_000));
  });

  it('is no valid receipt from 2^48 bytes on: the link is replaced', () => {
    expect(() => carry(LIMIT - 3_500, 8)).toThrow(WireError);
  });
});
