/** Every accepted request fits a frame: this ties the bounds of settings, values and frames together. */
import { beforeAll, describe, expect, test } from 'vitest';
import { leastMaxJournalBytes } from '../../src/config/index.js';
import { MAX_NODES as CONFIG_MAX_NODES } from '../../src/config/address.js';
import {
  MAX_SHARDS as CONFIG_MAX_SHARDS,
  MAX_VALUE_BYTES as CONFIG_MAX_VALUE_BYTES,
} from '../../src/config/settings.js';
import { EntryKind, type Message } from '../../src/raft/index.js';
import { minJournalBytes } from '../../src/raft/storage/index.js';
import { limitsOf } from '../../src/router/http/limits.js';
import { encodeCommand } from '../../src/shard/machine/command.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import {
  MAX_ENCODED_KEY_BYTES,
  MAX_FRAME_BYTES,
  MAX_NODES,
  MAX_SHARDS,
  MAX_VALUE_BYTES,
  SPLIT_FRAME_BYTES,
} from '../../src/shard/bounds.js';
import type { KvWrite } from '../../src/shard/operation.js';
import type { PeerMessage } from '../../src/shard/transport/transport.js';
import { FRAME_HEADER_BYTES, FrameEncoder, requestEncodeError } from '../../src/shard/transport/wire.js';

const largest: KvWrite = {
  type: 'put',
  key: new Uint8Array(MAX_ENCODED_KEY_BYTES).fill(0x40),
  body: new Uint8Array(MAX_VALUE_BYTES),
  contentType: `a/${'b'.repeat(253)}`,
  condition: { type: 'revision', revision: 2 ** 48 - 1 },
  operationId: new Uint8Array(16),
  attempt: 'initial',
};

const encodeAsLink = (message: PeerMessage): number => {
  const room = MAX_FRAME_BYTES - SPLIT_FRAME_BYTES - FRAME_HEADER_BYTES;
  const encoder = new FrameEncoder({ from: 1, to: 2 }, { maxRecordBytes: room });
  encoder.add(message);
  return encoder.byteLength;
};

test('cluster bounds that the configuration repeats equal those of src/shard', () => {
  expect([CONFIG_MAX_NODES, CONFIG_MAX_SHARDS]).toEqual([MAX_NODES, MAX_SHARDS]);
});

describe('the longest value', () => {
  beforeAll(() => loadHash());

  test('is the longest that can be configured, and that the front accepts', () => {
    expect(CONFIG_MAX_VALUE_BYTES).toBe(MAX_VALUE_BYTES);
    expect(limitsOf({ valueBytes: MAX_VALUE_BYTES }).valueBytes).toBe(MAX_VALUE_BYTES);
    expect(() => limitsOf({ valueBytes: MAX_VALUE_BYTES + 1 })).toThrow(/valueBytes must be at most 16777216/);
  });

  test('with the longest key and type, makes an entry that the smallest journal quota allows for', () => {
    for (const valueBytes of [1, 1024, 64 * 1024, 1024 * 1024, MAX_VALUE_BYTES]) {
      expect(leastMaxJournalBytes(valueBytes)).toBe(minJournalBytes(valueBytes + 8 * 1024));
    }
    const operation = { ...largest, body: new Uint8Array(0) };
    expect(encodeCommand(operation, 2 ** 52).length).toBeLessThan(8 * 1024);
  });

  test('fits one request, one append and one reply', () => {
    const request = { shard: 1, budgetMs: 1_000, operation: largest };
    expect(requestEncodeError(request)).toBeUndefined();
    expect(encodeAsLink({ type: 'request', id: 1, request })).toBeGreaterThan(MAX_VALUE_BYTES);

    const entry = { index: 2, term: 1, kind: EntryKind.command, data: encodeCommand(largest, 1) };
    const append: Message = {
      type: 'append',
      from: 1,
      to: 2,
      term: 1,
      prevIndex: 1,
      prevTerm: 1,
      commit: 1,
      entries: [entry],
    };
    expect(encodeAsLink({ type: 'raft', group: 1, message: append })).toBeGreaterThan(MAX_VALUE_BYTES);

    const { body, contentType } = largest;
    const record = { revision: 1, createRevision: 1, version: 1, contentType, body };
    const reply = { answer: { type: 'get' as const, record, revision: 1 }, term: 1, servedBy: 1 };
    expect(encodeAsLink({ type: 'reply', id: 1, reply })).toBeGreaterThan(MAX_VALUE_BYTES);
  });

  test('a message too large for a link is refused with a reason', () => {
    const body = new Uint8Array(MAX_FRAME_BYTES - SPLIT_FRAME_BYTES);
    const operation = { ...largest, body } as KvWrite;
    expect(requestEncodeError({ shard: 1, budgetMs: 1, operation })).toMatch(/are allowed/);
  });
});
