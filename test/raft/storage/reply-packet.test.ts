/** Replies between the threads: they round-trip, and plain successes are packed as numbers. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packReplies, unpackReplies, type ReplyPacket } from '../../../src/raft/storage/worker/reply-packet.js';
import type { ReplyEnvelope } from '../../../src/raft/storage/engine/protocol.js';

function unpacked(packet: ReplyPacket): ReplyEnvelope[] {
  const replies: ReplyEnvelope[] = [];
  unpackReplies(packet, (store, call, outcome) => replies.push({ store, call, outcome }));
  return replies;
}

const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const outcome = fc.oneof(
  fc.constant({ ok: true, value: undefined } as const),
  fc.record({ ok: fc.constant(true as const), value: fc.oneof(fc.constant(null), fc.constant(0), fc.string()) }),
  fc.constant({ ok: false, failure: { kind: 'full', message: 'no room' } } as const),
);
const reply = fc.record({ store: number, call: number, outcome });

describe('replies', () => {
  it('round-trip, in order', () => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 20, size: 'max' }), (replies) => {
        const crossed = structuredClone(packReplies(replies as ReplyEnvelope[]));
        expect(unpacked(crossed)).toEqual(replies);
      }),
    );
  });

  it('are packed as numbers where all are plain successes', () => {
    const done = (store: number, call: number): ReplyEnvelope => ({
      store,
      call,
      outcome: { ok: true, value: undefined },
    });
    expect(packReplies([done(1, 7), done(2, 0)])).toEqual([1, 7, 2, 0]);
    const withValue: ReplyEnvelope = { store: 1, call: 8, outcome: { ok: true, value: 0 } };
    expect(packReplies([done(1, 7), withValue])).toEqual([done(1, 7), withValue]);
  });
});
