/** Entries decoded from received frames: how much memory they keep alive. */
import { describe, expect, it } from 'vitest';
import type { Append, Entry } from '../../src/raft/index.js';
import type { PeerMessage } from '../../src/shard/transport/transport.js';
import { WireError } from '../../src/shard/transport/wire-buffer.js';
import { decodeFrame, encodeFrame } from '../../src/shard/transport/wire.js';

const KIB = 1024;
const entryOf = (index: number, bytes: number): Entry => ({
  index,
  term: 1,
  kind: 1,
  data: Uint8Array.from({ length: bytes }, (_, at) => (index + at) % 256),
});
const appendOf = (group: number, sizes: readonly number[]): PeerMessage => ({
  type: 'raft',
  group,
  message: {
    type: 'append',
    from: 1,
    to: 2,
    term: 1,
    prevIndex: 0,
    prevTerm: 0,
    entries: sizes.map((bytes, at) => entryOf(at + 1, bytes)),
    commit: 0,
  },
});

/** The frame in a buffer of its own, or with `around` bytes on either side. */
const received = (messages: readonly PeerMessage[], around = 0): (readonly Entry[])[] => {
  const frame = encodeFrame({ from: 1, to: 2, messages });
  const memory = new Uint8Array(frame.length + around);
  memory.set(frame, around >> 1);
  const decoded = decodeFrame(memory.subarray(around >> 1, (around >> 1) + frame.length));
  return decoded.messages.map((message, at) => {
    const entries = entriesOf(message);
    const sent = entriesOf(messages[at]!);
    expect(entries.map(({ index, term, kind, data }) => [index, term, kind, data.length])).toEqual(
      sent.map(({ index, term, kind, data }) => [index, term, kind, data.length]),
    );
    expect(entries.every(({ data }, i) => Buffer.compare(data, sent[i]!.data) === 0)).toBe(true);
    return entries;
  });
};
const entriesOf = (message: PeerMessage): readonly Entry[] => (message as { message: Append }).message.entries;
const keptAlive = ({ data }: Entry): number => data.buffer.byteLength;

describe('an entry that was received', () => {
  it('does not keep a large frame alive if it is a small part of it', () => {
    const [small, large] = received([appendOf(1, [100, 200]), appendOf(2, [1024 * KIB])]);
    for (const entry of small!) expect(keptAlive(entry)).toBeLessThan(KIB);
    expect(keptAlive(large![0]!)).toBeLessThan(1100 * KIB);
  });

  it('does not keep alive what the socket read along with a small frame', () => {
    const [small] = received([appendOf(1, [100, 200])], 512 * KIB);
    for (const entry of small!) expect(keptAlive(entry)).toBeLessThan(KIB);
  });

  it('keeps 64 KiB alive at most, or four times itself, among entries of every length', () => {
    const sizes = [10, 5_000, 12_000, 100, 20, 40_000, 0, 17 * KIB, 300_000, 10, 10];
    for (const entries of received([appendOf(1, sizes), appendOf(2, [...sizes].reverse())])) {
      for (const entry of entries) expect(keptAlive(entry)).toBeLessThan(Math.max(65 * KIB, 4.1 * entry.data.length));
    }
  });

  it('shares a copy with its neighbours: many small entries need few copies', () => {
    const [entries] = received([
      appendOf(
        1,
        Array.from({ length: 1000 }, () => 300),
      ),
    ]);
    expect(new Set(entries!.map(({ data }) => data.buffer)).size).toBeLessThan(25);
  });

  it('is not copied from a small frame, or if it is most of a large one', () => {
    const [some] = received([appendOf(1, [100, 200])]);
    expect(new Set(some!.map(({ data }) => data.buffer)).size).toBe(1);
    const [large] = received([appendOf(1, [500 * KIB])]);
    expect(keptAlive(large![0]!)).toBeGreaterThan(500 * KIB);
  });

  it('is refused if it is truncated, wherever runs are copied', () => {
    const frame = encodeFrame({ from: 1, to: 2, messages: [appendOf(1, [100, 20_000, 300, 20_000])] });
    for (const missing of [1, 200, 20_010, 20_030, 20_300, 20_330, 40_400]) {
      expect(() => decodeFrame(frame.slice(0, frame.length - missing))).toThrow(WireError);
    }
  });
});
