import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/raft/index.js';
import { WireError } from '../../src/shard/transport/wire-buffer.js';
import { decodeFrame, encodeFrame } from '../../src/shard/transport/wire.js';

const ends = { from: 3, to: 1 } as const;
const ok = { ...ends, term: 5, index: 7, type: 'append-ok' } as const;
const heartbeat = { ...ends, term: 5, commit: 7, readContext: 2, quiesce: false, type: 'heartbeat' } as const;
const heartbeatOk = { ...ends, term: 5, readContext: 2, lastIndex: 7, type: 'heartbeat-ok' } as const;
const answer = { ...ends, term: 5, index: 7, wanted: -1, type: 'snapshot-answer' } as const;

function sent(message: Message, version: number): unknown {
  const bytes = encodeFrame({ ...ends, messages: [{ type: 'raft', group: 9, message }] }, version);
  return decodeFrame(bytes, version).messages.map((each) => (each.type === 'raft' ? each.message : each));
}

describe('s60 what quarantine adds to messages', () => {
  for (const message of [
    { ...ok, quarantine: 4 },
    { ...heartbeatOk, quarantine: 4 },
    { ...answer, quarantine: 4 },
    { ...heartbeat, release: { boot: 4, index: 6 } },
    { ...heartbeatOk, released: 4 },
  ]) {
    it(`goes over links of version 2: ${JSON.stringify(message)}`, () => {
      expect(sent(message, 2)).toMatchObject([message]);
    });
  }

  it('is refused by the encoder of version 1, since without it the acknowledgement would count', () => {
    for (const message of [ok, heartbeatOk, answer]) {
      expect(() => sent({ ...message, quarantine: 4 }, 1)).toThrow(WireError);
    }
  });

  it('adds no bytes to other messages, and is unknown to version 1', () => {
    const frame = (version: number): Uint8Array =>
      encodeFrame({ ...ends, messages: [{ type: 'raft', group: 9, message: ok }] }, version);
    expect(frame(2).length).toBe(frame(1).length);
    expect(() => encodeFrame({ ...ends, messages: [{ type: 'position', position: 3 }] }, 1)).toThrow(WireError);
  });
});
