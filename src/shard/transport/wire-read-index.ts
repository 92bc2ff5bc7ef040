/**
 * A follower's question for the index of a round, and its answer (`node/bounded-reads.ts`), since protocol version 3.
 *
 * Both: `group u32 · id u48`; the answer goes on with `flags u8` (1: there is an index) and `index u48`.
 */
import type { PeerMessage } from './transport.js';
import { WireError, type WireReader, type WireWriter } from './wire-buffer.js';

type ReadIndexRequest = Extract<PeerMessage, { type: 'read-index-request' }>;
type ReadIndex = Extract<PeerMessage, { type: 'read-index' }>;

const HAS_INDEX = 1;

export function writeReadIndex(out: WireWriter, message: ReadIndexRequest | ReadIndex): void {
  if (out.version < 3) throw new WireError(`a ${message.type} on a link of version ${out.version}`);
  out.u32(message.group);
  out.u48(message.id);
  if (message.type === 'read-index-request') return;
  out.u8(message.index === undefined ? 0 : HAS_INDEX);
  if (message.index !== undefined) out.u48(message.index);
}

export const readIndexRequest = (input: WireReader): ReadIndexRequest => ({
  type: 'read-index-request',
  group: input.u32(),
  id: input.u48(),
});

export function readIndexAnswer(input: WireReader): ReadIndex {
  const named = { type: 'read-index', group: input.u32(), id: input.u48() } as const;
  return { ...named, index: input.flags(HAS_INDEX) === 0 ? undefined : input.u48() };
}
