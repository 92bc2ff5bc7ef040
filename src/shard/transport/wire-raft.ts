/**
 * Raft messages on the wire: group u32, then the fields of the message in a fixed order.
 *
 * `from` and `to` are not repeated in every message, because the frame has them (`wire.ts`). Entries use the common
 * encoding (`raft/codec.ts`). The reader refuses messages that no correct node sends: gaps between entries, terms that
 * decrease along the log or exceed the sender's, impossible configurations.
 */
import {
  entrySize,
  readSnapshotMeta,
  snapshotMetaSize,
  writeEntry,
  writeSnapshotMeta,
  type Append,
  type GroupId,
  type Heartbeat,
  type HeartbeatOk,
  type Message,
  type NodeId,
  type SnapshotChunk,
  type SnapshotMeta,
} from '../../raft/index.js';
import { FORMATS, recordRefusal } from '../formats.js';
import type { PeerMessage } from './transport.js';
import { checkWireInteger, WireError, type WireReader, type WireWriter } from './wire-buffer.js';
import { readEntries } from './wire-entries.js';

/** First byte of a record. Numbers are never reused; 1..31 are for Raft. */
export const RAFT_RECORDS = FORMATS.recordKind.numbers satisfies Record<Message['type'], number>;

const A = 1;
const B = 2;

/** Group and all fields but `from` and `to`. The record's type byte has been written. */
export function writeRaftMessage(out: WireWriter, group: GroupId, message: Message): void {
  out.u32(group);
  out.u48(message.term);
  switch (message.type) {
    case 'append':
      writeAppend(out, message);
      return;
    case 'append-ok':
      out.u48(message.index);
      return;
    case 'append-refused':
      out.u48(message.rejectedIndex);
      out.u48(message.hintIndex);
      out.u48(message.hintTerm);
      out.u48(message.lastIndex);
      return;
    case 'heartbeat':
      writeHeartbeat(out, message);
      return;
    case 'heartbeat-ok':
      writeHeartbeatOk(out, message);
      return;
    case 'vote':
      out.u48(message.lastIndex);
      out.u48(message.lastTerm);
      out.u8((message.preVote ? A : 0) | (message.forced ? B : 0));
      return;
    case 'vote-answer':
      out.u8((message.preVote ? A : 0) | (message.granted ? B : 0));
      return;
    case 'snapshot':
      writeSnapshotChunk(out, message);
      return;
    case 'snapshot-answer':
      out.u48(message.index);
      // −1 is a special value ("no more wanted"); on the wire it is 0.
      out.u48(message.wanted + 1);
      return;
    case 'timeout-now':
    case 'term-notice':
      return;
  }
}

function writeHeartbeat(out: WireWriter, message: Heartbeat): void {
  out.u48(message.commit);
  out.u48(message.readContext);
  out.u8(message.quiesce ? A : 0);
}

function writeHeartbeatOk(out: WireWriter, message: HeartbeatOk): void {
  out.u48(message.readContext);
  out.u48(message.lastIndex);
  if (out.version >= 2) out.u32(message.promiseMs ?? 0);
}

function writeAppend(out: WireWriter, message: Append): void {
  out.u48(message.prevIndex);
  out.u48(message.prevTerm);
  out.u48(message.commit);
  out.u32(message.entries.length);
  for (const entry of message.entries) {
    checkWireInteger(entry.index);
    checkWireInteger(entry.term);
    out.reserve(entrySize(entry));
    out.at = writeEntry(out, out.at, entry);
  }
}

function writeSnapshotChunk(out: WireWriter, message: SnapshotChunk): void {
  const { meta } = message;
  checkWireInteger(meta.index);
  checkWireInteger(meta.term);
  out.reserve(snapshotMetaSize(meta));
  out.at = writeSnapshotMeta(out, out.at, meta);
  out.u48(message.sequence);
  out.u8(message.done ? A : 0);
  out.longBytes(message.data);
}

export type RaftRecord = Extract<PeerMessage, { readonly type: 'raft' }>;

/** The counterpart of `writeRaftMessage`, for a record of type `record` in a frame from `from` to `to`. */
export function readRaftMessage(input: WireReader, record: number, from: NodeId, to: NodeId): RaftRecord {
  const group = input.u32();
  const term = input.u48();
  return { type: 'raft', group, message: readFields(input, record, from, to, term) };
}

function readFields(input: WireReader, record: number, from: NodeId, to: NodeId, term: number): Message {
  switch (record) {
    case RAFT_RECORDS.append:
      return readAppend(input, from, to, term);
    case RAFT_RECORDS['append-ok']:
      return { type: 'append-ok', from, to, term, index: input.u48() };
    case RAFT_RECORDS['append-refused']:
      return {
        type: 'append-refused',
        from,
        to,
        term,
        rejectedIndex: input.u48(),
        hintIndex: input.u48(),
        hintTerm: input.u48(),
        lastIndex: input.u48(),
      };
    case RAFT_RECORDS.heartbeat: {
      const commit = input.u48();
      const readContext = input.u48();
      return { type: 'heartbeat', from, to, term, commit, readContext, quiesce: input.flags(A) !== 0 };
    }
    case RAFT_RECORDS['heartbeat-ok']: {
      const readContext = input.u48();
      const lastIndex = input.u48();
      const promiseMs = input.version >= 2 ? input.u32() : 0;
      const type = 'heartbeat-ok';
      if (promiseMs > 0) return { type, from, to, term, readContext, lastIndex, promiseMs };
      return { type, from, to, term, readContext, lastIndex };
    }
    case RAFT_RECORDS.vote: {
      const lastIndex = input.u48();
      const lastTerm = input.u48();
      const flags = input.flags(A | B);
      const preVote = (flags & A) !== 0;
      return { type: 'vote', from, to, term, preVote, lastIndex, lastTerm, forced: (flags & B) !== 0 };
    }
    case RAFT_RECORDS['vote-answer']: {
      const flags = input.flags(A | B);
      return { type: 'vote-answer', from, to, term, preVote: (flags & A) !== 0, granted: (flags & B) !== 0 };
    }
    case RAFT_RECORDS.snapshot:
      return readSnapshotChunk(input, from, to, term);
    case RAFT_RECORDS['snapshot-answer']: {
      const index = input.u48();
      return { type: 'snapshot-answer', from, to, term, index, wanted: input.u48() - 1 };
    }
    case RAFT_RECORDS['timeout-now']:
      return { type: 'timeout-now', from, to, term };
    case RAFT_RECORDS['term-notice']:
      return { type: 'term-notice', from, to, term };
    default:
      throw new WireError(recordRefusal(record, input.version));
  }
}

function readAppend(input: WireReader, from: NodeId, to: NodeId, term: number): Append {
  const prevIndex = input.u48();
  const prevTerm = input.u48();
  const commit = input.u48();
  const entries = readEntries(input, prevIndex, prevTerm, term);
  return { type: 'append', from, to, term, prevIndex, prevTerm, entries, commit };
}

function readSnapshotChunk(input: WireReader, from: NodeId, to: NodeId, term: number): SnapshotChunk {
  const meta = readSnapshotMeta(input, input.at);
  input.skip(snapshotMetaSize(meta));
  checkSnapshotMeta(meta, term);
  const sequence = input.u48();
  const done = input.flags(A) !== 0;
  return { type: 'snapshot', from, to, term, meta, sequence, data: input.longBytes(), done };
}

function checkSnapshotMeta(meta: SnapshotMeta, term: number): void {
  checkWireInteger(meta.index);
  if (meta.index === 0) throw new WireError('a snapshot of nothing');
  if (meta.term > term) throw new WireError(`a snapshot of term ${meta.term} in term ${term}`);
  const { voters, votersOutgoing, learners } = meta.configuration;
  if (voters.length === 0) throw new WireError('a configuration without voters');
  for (const ids of [voters, votersOutgoing, learners]) {
    if (ids.includes(0) || new Set(ids).size !== ids.length) throw new WireError('a node id twice, or zero');
  }
}
