/** The frame format: every message round-trips, and only valid frames decode (s73, s75). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Append, Heartbeat, Message } from '../../src/raft/index.js';
import type { Put } from '../../src/shard/operation.js';
import type { GroupStatus, NodeStatus } from '../../src/shard/status.js';
import type { PeerMessage } from '../../src/shard/transport/transport.js';
import { WireError } from '../../src/shard/transport/wire-buffer.js';
import { decodeFrame, encodeFrame, FrameEncoder, FRAME_HEADER_BYTES } from '../../src/shard/transport/wire.js';
import { peerMessages } from './peer-messages.js';

const NODES = { from: 1, to: 2 };
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const append = (over: Partial<Append> = {}): PeerMessage => ({
  type: 'raft',
  group: 7,
  message: {
    type: 'append',
    from: 1,
    to: 2,
    term: 4,
    prevIndex: 8,
    prevTerm: 3,
    commit: 8,
    entries: [
      { index: 9, term: 3, kind: 1, data: utf8('nine') },
      { index: 10, term: 4, kind: 0, data: utf8('') },
    ],
    ...over,
  },
});

const heartbeat = (group: number, over: Partial<Heartbeat> = {}): PeerMessage => ({
  type: 'raft',
  group,
  message: { type: 'heartbeat', from: 1, to: 2, term: 5, commit: 9, readContext: 3, quiesce: false, ...over },
});

const putOperation: Put = {
  type: 'put',
  key: utf8('a key'),
  body: utf8('a body'),
  contentType: 'text/plain',
  condition: { type: 'revision', revision: 12 },
  operationId: new Uint8Array(16).fill(9),
  attempt: 'keyed',
};

const put = {
  type: 'request',
  id: 77,
  request: { shard: 3, budgetMs: 1500.5, operation: putOperation },
} satisfies PeerMessage;

const groupStatus: GroupStatus = {
  group: 1,
  raft: {
    ...{ id: 1, role: 'leader', term: 7, vote: 1, leader: 1, quiesced: false, peers: [] },
    ...{ commit: 20, applied: 18, firstIndex: 1, lastIndex: 21, stableIndex: 21 },
    configuration: { voters: [1, 2, 3], votersOutgoing: [], learners: [] },
  },
  ...{ stateHash: '0123456789abcdef', keys: 3, leaderChanges: 2, pendingWrites: 0, pendingReads: 0 },
};

const nodeStatus: NodeStatus = {
  ...{ id: 1, name: 'n1', state: 'serving', failure: undefined, topologyEpoch: 1, uptimeMs: 12.4, alive: [2, 3] },
  groups: [groupStatus],
  storage: { journalBytes: 10, journalRows: 2, stateBytes: 30, commits: 4, commitMs: [1, 2] },
  ...{ inboxLength: 5, featureLevel: 1, links: [] },
};

function statusSent(status: NodeStatus, version?: number): NodeStatus {
  const bytes = encodeFrame({ ...NODES, messages: [{ type: 'status', id: 4, status }] }, version);
  const [message] = decodeFrame(bytes, version).messages;
  if (message?.type !== 'status') throw new Error('not a status');
  return message.status;
}

/** A frame of one record. */
const frameOf = (message: PeerMessage): Uint8Array => encodeFrame({ ...NODES, messages: [message] }).slice();

describe('a frame round-trips', () => {
  test.each([
    ['between nodes', NODES],
    ['from a router', { from: 0, to: 2 }],
    ['to a router', { from: 2, to: 0 }],
  ])('%s: any messages', (_name, ends) => {
    fc.assert(
      fc.property(fc.array(peerMessages(ends), { minLength: 1, maxLength: 6 }), (messages) => {
        expect(decodeFrame(encodeFrame({ ...ends, messages }))).toEqual({ ...ends, messages });
      }),
      { numRuns: 300 },
    );
  });

  test('bodies and keys are views into the frame, not copies', () => {
    const bytes = frameOf(put);
    const [message] = decodeFrame(bytes).messages;
    if (message?.type !== 'request' || message.request.operation.type !== 'put') throw new Error('not a put');
    expect(message.request.operation.body.buffer).toBe(bytes.buffer);
    expect(message.request.operation.key.buffer).toBe(bytes.buffer);
  });

  test('a frame inside a larger buffer is read in place', () => {
    const frame = frameOf(append());
    const larger = new Uint8Array(frame.length + 20).fill(0xff);
    larger.set(frame, 13);
    expect(decodeFrame(larger.subarray(13, 13 + frame.length)).messages).toEqual([append()]);
  });

  test('the greatest term and index are kept exactly, the next is refused', () => {
    const greatest = heartbeat(1, { term: 2 ** 48 - 1, commit: 2 ** 48 - 1 });
    expect(decodeFrame(frameOf(greatest)).messages).toEqual([greatest]);
    for (const term of [2 ** 48, 2 ** 53, 2 ** 63, -1, 1.5, NaN, Infinity]) {
      expect(() => frameOf(heartbeat(1, { term }))).toThrow(WireError);
    }
  });

  test.each([
    [1, '01'],
    [2, '02'],
  ])('the layout of version %i is pinned', (version, first) => {
    const fields = [
      ...[first, '0100', '0200'], // version, from, to
      ...['01', '07000000', '040000000000'], // append, group 7, term 4
      ...['080000000000', '030000000000', '080000000000', '02000000'], // after 8@3, commit 8, two entries
      ...['0900000000000000', '0300000000000000', '01', '04000000', '6e696e65'], // 9@3, a command: "nine"
      ...['0a00000000000000', '0400000000000000', '00', '00000000'], // 10@4, a no-op
    ];
    const bytes = encodeFrame({ ...NODES, messages: [append()] }, version);
    expect(Buffer.from(bytes).toString('hex')).toBe(fields.join(''));
  });
});

describe('s75 heartbeats of many groups share a frame', () => {
  test('a heartbeat costs 24 bytes, and an answer 23, with its promise 27', () => {
    const groups = 1000;
    const beats = new FrameEncoder(NODES);
    for (let group = 0; group < groups; group++) beats.add(heartbeat(group));
    expect(beats.byteLength).toBe(FRAME_HEADER_BYTES + groups * 24);
    const answers = new FrameEncoder(NODES);
    const former = new FrameEncoder(NODES, { version: 1 });
    const message: Message = { type: 'heartbeat-ok', from: 1, to: 2, term: 5, readContext: 3, lastIndex: 9 };
    for (let group = 0; group < groups; group++) {
      answers.add({ type: 'raft', group, message });
      former.add({ type: 'raft', group, message });
    }
    expect(answers.byteLength).toBe(FRAME_HEADER_BYTES + groups * 27);
    expect(former.byteLength).toBe(FRAME_HEADER_BYTES + groups * 23);
  });
});

test('s74 a failed node reports it since version 2 only: version 1 would take that ping for a live node', () => {
  const ping = { type: 'ping', epoch: 3, stopping: true, failed: true } as const;
  const frame = { from: 1, to: 2, messages: [ping] };
  expect(decodeFrame(encodeFrame(frame, 2), 2)).toEqual(frame);
  expect(() => encodeFrame(frame, 1)).toThrow(/version 1/);
  expect(() => decodeFrame(Uint8Array.of(1, 1, 0, 2, 0, 35, 3, 0, 0, 0, 0, 0, 3), 1)).toThrow(WireError);
  expect(decodeFrame(Uint8Array.of(1, 1, 0, 2, 0, 35, 3, 0, 0, 0, 0, 0, 1), 1)).toMatchObject({
    messages: [{ type: 'ping', epoch: 3, stopping: true }],
  });
});

test('a ping has the wall clock of its sender since version 3; over an older link it comes without', () => {
  const ping = { type: 'ping', epoch: 3, stopping: false } as const;
  const frame = { from: 1, to: 2, messages: [{ ...ping, wallMs: 1_700_000_000_000 }] };
  expect(decodeFrame(encodeFrame(frame, 3), 3)).toEqual(frame);
  for (const version of [1, 2]) {
    const bytes = encodeFrame(frame, version);
    expect(decodeFrame(bytes, version).messages).toEqual([ping]);
    expect(() => decodeFrame(bytes.with(-1, 4), version)).toThrow('unknown flags 4');
  }
});

test('s50 an answer carries a promise since version 2; over an older link there is none', () => {
  const answer = { type: 'heartbeat-ok', from: 1, to: 2, term: 5, readContext: 3, lastIndex: 9 } as const;
  const frame = (more: object) => ({
    from: 1,
    to: 2,
    messages: [{ type: 'raft' as const, group: 1, message: { ...answer, ...more } }],
  });
  expect(decodeFrame(encodeFrame(frame({ promiseMs: 400 }), 2), 2)).toEqual(frame({ promiseMs: 400 }));
  expect(decodeFrame(encodeFrame(frame({}), 2), 2)).toEqual(frame({}));
  expect(decodeFrame(encodeFrame(frame({ promiseMs: 400 }), 1), 1)).toEqual(frame({}));
});

describe('the encoder', () => {
  test('returns each frame once, and none when nothing was added', () => {
    const encoder = new FrameEncoder(NODES);
    expect(encoder.take()).toBeUndefined();
    encoder.add(put);
    encoder.add(append());
    expect(encoder.messageCount).toBe(2);
    const first = encoder.take();
    expect(encoder.take()).toBeUndefined();
    expect(encoder.byteLength).toBe(0);
    encoder.add(heartbeat(3));
    const second = encoder.take();
    // The first frame is not overwritten by the next, although both are in one buffer.
    expect(decodeFrame(first!).messages).toEqual([put, append()]);
    expect(decodeFrame(second!).messages).toEqual([heartbeat(3)]);
    expect(first!.buffer).toBe(second!.buffer);
  });

  test('grows over any number of buffers', () => {
    const encoder = new FrameEncoder(NODES);
    const body = new Uint8Array(100_000).fill(7);
    const large: PeerMessage[] = Array.from({ length: 9 }, (_, i) =>
      append({ entries: [{ index: 9, term: 4, kind: 1, data: body.fill(i).slice() }] }),
    );
    for (const message of large) encoder.add(message);
    const bodies = (messages: readonly PeerMessage[]): Buffer[] =>
      messages.flatMap((message) =>
        message.type === 'raft' && message.message.type === 'append'
          ? message.message.entries.map(({ data }) => Buffer.from(data))
          : [],
      );
    // Compared as Buffers: a comparison of objects takes seconds.
    const [sent, decoded] = [bodies(large), bodies(decodeFrame(encoder.take()!).messages)];
    expect(decoded.length).toBe(9);
    for (const [i, data] of decoded.entries()) expect(data.equals(sent[i]!)).toBe(true);
  });

  test('a message that cannot be encoded leaves the frame unchanged', () => {
    const encoder = new FrameEncoder(NODES, { maxRecordBytes: 1000 });
    encoder.add(put);
    const before = encoder.byteLength;
    const bad: PeerMessage[] = [
      { type: 'ping', epoch: -1, stopping: false },
      heartbeat(1, { from: 3 }),
      heartbeat(1, { to: 3 }),
      heartbeat(2 ** 32),
      append({ entries: [{ index: 9, term: 4, kind: 1, data: new Uint8Array(1001) }] }),
      append({ entries: [{ index: 2 ** 48, term: 4, kind: 1, data: new Uint8Array(1) }] }),
    ];
    for (const message of bad) {
      expect(() => {
        encoder.add(message);
      }).toThrow(WireError);
      expect(encoder.byteLength).toBe(before);
    }
    encoder.add(heartbeat(3));
    expect(decodeFrame(encoder.take()!).messages).toEqual([put, heartbeat(3)]);
  });

  test('a first message that cannot be encoded leaves no frame', () => {
    const encoder = new FrameEncoder(NODES);
    expect(() => {
      encoder.add({ type: 'ping', epoch: 0.5, stopping: false });
    }).toThrow(WireError);
    expect(encoder.take()).toBeUndefined();
  });

  test.each<[string, Partial<Put>]>([
    ['an empty key', { key: new Uint8Array(0) }],
    ['a key beyond 4 KiB', { key: new Uint8Array(4098) }],
    ['an operation id of 15 bytes', { operationId: new Uint8Array(15) }],
    ['a content type with a line break', { contentType: 'text/plain\r\nx: y' }],
    ['a content type of 256 bytes', { contentType: 'x'.repeat(256) }],
  ])('refuses %s', (_name, change) => {
    const operation: Put = { ...putOperation, ...change };
    expect(() => frameOf({ ...put, request: { ...put.request, operation } })).toThrow(WireError);
  });
});

test('queries about the processes of a node, and their answers, need version 2', () => {
  const question = { type: 'process-question', node: 3, process: 77 } as const;
  const none = { type: 'process-answer', node: 3, process: 77 } as const;
  const messages = [question, none, { ...none, other: { process: 78, incarnation: 5 } }];
  const frame = { from: 1, to: 2, messages };
  const bytes = encodeFrame(frame, 2);
  expect(decodeFrame(bytes, 2)).toEqual(frame);
  expect(bytes).toHaveLength(FRAME_HEADER_BYTES + 9 + 10 + 22);
  for (const message of messages) {
    expect(() => encodeFrame({ ...frame, messages: [message] }, 1)).toThrow(/version 1/);
    const first = Uint8Array.from(encodeFrame({ ...frame, messages: [message] }, 2));
    first[0] = 1;
    expect(() => decodeFrame(first, 1)).toThrow(/version 1/);
  }
});

test('a topology for version 1 contains only the fields that it knows', () => {
  const topology = { clusterId: 'c', epoch: 3, shardCount: 0, replicas: 1, hash: 'xxh64' as const, leaseReads: true };
  const timers = { tickMs: 50, electionTicks: 10, heartbeatTicks: 2 };
  const later = { featureLevel: 2, clusterUid: 'u', timers, leases: 'read' as const };
  const known = { ...topology, nodes: [], shards: [] };
  const message: PeerMessage = { type: 'topology', topology: { ...known, ...later } };
  const came = (version: number): unknown =>
    decodeFrame(encodeFrame({ ...NODES, messages: [message] }, version), version).messages[0];
  expect([came(1), came(2)]).toEqual([{ type: 'topology', topology: known }, message]);
});

test.each([1, 2])('a status carries the duration of a commit stall, also in version %i', (version) => {
  const waits = {
    electionTimeoutMs: 500,
    roomWaitMs: 12.5,
    groups: [{ ...groupStatus, commitWaitMs: 1_500.25, sinceAppliedMs: 2_000.5 }],
  };
  expect(statusSent({ ...nodeStatus, ...waits }, version)).toMatchObject(waits);
});

test('a status of a build without the duration of a commit stall decodes without it', () => {
  // As that build writes it: the fields are absent, not undefined.
  const read = statusSent(nodeStatus);
  expect(read).toEqual(nodeStatus);
  expect(Object.keys(read)).not.toContain('electionTimeoutMs');
  expect(Object.keys(read.groups[0]!)).not.toContain('commitWaitMs');
});

test('a status of a later build decodes without the fields that are unknown here', () => {
  const later = { ...nodeStatus, unheardOf: 1, groups: [{ ...groupStatus, unheardOf: { deep: true } }] };
  expect(statusSent(later)).toEqual(nodeStatus);
});

test.each([-1, null, 'long'])('a status with a stall of %j is refused', (wait) => {
  const groups = [{ ...groupStatus, commitWaitMs: wait as number }];
  expect(() => statusSent({ ...nodeStatus, groups })).toThrow(/commitWaitMs/);
});
