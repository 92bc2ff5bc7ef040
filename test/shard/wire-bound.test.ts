/** Bounds of stale reads in frames, and questions for the index of a round. */
import { describe, expect, test } from 'vitest';
import type { List } from '../../src/shard/list.js';
import type { Consistency, ReadBound } from '../../src/shard/operation.js';
import type { PeerMessage } from '../../src/shard/transport/transport.js';
import { WireError } from '../../src/shard/transport/wire-buffer.js';
import { decodeFrame, encodeFrame } from '../../src/shard/transport/wire.js';

const NODES = { from: 1, to: 2 };

test('questions for the index of a round, and answers, need version 3', () => {
  const question = { type: 'read-index-request', group: 3, id: 77 } as const;
  const answer = { type: 'read-index', group: 3, id: 77, index: undefined } as const;
  const messages = [question, answer, { ...answer, index: 9 }];
  const frame = { from: 1, to: 2, messages };
  expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
  for (const message of messages) {
    expect(() => encodeFrame({ ...frame, messages: [message] }, 2)).toThrow(/version 2/);
    const first = Uint8Array.from(encodeFrame({ ...frame, messages: [message] }));
    first[0] = 2;
    expect(() => decodeFrame(first, 2)).toThrow(/version 2/);
  }
});

describe('the bound of a read', () => {
  const get = (consistency: Consistency, bound?: ReadBound): PeerMessage => ({
    ...{ type: 'request', id: 7 },
    request: { shard: 1, budgetMs: 5, operation: { type: 'get', key: Uint8Array.of(64), consistency, bound } },
  });
  const sent = (message: PeerMessage, version?: number): unknown => {
    const [read] = decodeFrame(encodeFrame({ ...NODES, messages: [message] }, version), version).messages;
    return read?.type === 'request' ? read.request.operation : undefined;
  };

  test.each<ReadBound>([{ minRevision: 0 }, { maxStalenessMs: 500 }, { minRevision: 2 ** 48 - 1, maxStalenessMs: 1 }])(
    '%j comes over, of a key and of a list',
    (bound) => {
      expect(sent(get('stale', bound))).toMatchObject({ consistency: 'stale', bound });
      const list: List = {
        ...{ type: 'list', shard: 1, from: Uint8Array.of(8), to: undefined, reverse: false, content: 'keys' },
        ...{ grouping: undefined, rows: 1, bytes: 1, consistency: 'stale', bound },
      };
      const message: PeerMessage = { type: 'request', id: 7, request: { shard: 1, budgetMs: 5, operation: list } };
      expect(sent(message)).toMatchObject({ consistency: 'stale', bound });
    },
  );

  test.each([1, 2])('makes the read linearizable on a link of version %i, which knows no bounds', (version) => {
    expect(sent(get('stale', { minRevision: 7 }), version)).toMatchObject({ consistency: 'linearizable' });
    expect(sent(get('stale'), version)).toMatchObject({ consistency: 'stale' });
  });

  test.each<ReadBound>([
    { minRevision: -1 },
    { minRevision: 1.5 },
    { maxStalenessMs: 0 },
    { maxStalenessMs: 86_400_001 },
  ])('%j is not sent', (bound) => {
    expect(() => encodeFrame({ ...NODES, messages: [get('stale', bound)] })).toThrow(WireError);
  });

  test('is refused where it cannot be: of a linearizable read, or out of its bounds', () => {
    const bytes = Buffer.from(encodeFrame({ ...NODES, messages: [get('stale', { maxStalenessMs: 500 })] }));
    const at = bytes.length - 8;
    expect([...bytes.subarray(at, at + 2)]).toEqual([2, 2]);
    const linear = Buffer.from(bytes);
    linear[at] = 0;
    expect(() => decodeFrame(linear)).toThrow(/linearizable read/);
    const none = Buffer.from(bytes);
    none.fill(0, at + 2);
    expect(() => decodeFrame(none)).toThrow(/staleness of 0/);
  });
});
