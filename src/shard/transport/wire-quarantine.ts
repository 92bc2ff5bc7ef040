/**
 * Wire format of the fields that quarantine (`raft/quarantine.ts`) adds to Raft messages: a record before the
 * message's own.
 *
 *     12  the mark of a quarantined incarnation:              incarnation u48, then the record of an acknowledgement
 *     13  a heartbeat that ends its quarantine:   incarnation u48 · index u48, then the record of the heartbeat
 *     14  the answer to 13:                                   incarnation u48, then the record of the answer
 *
 * So messages of replicas without quarantine have no overhead. On links of version 1 a marked acknowledgement cannot be
 * sent, because the receiver would count it; marks that are optional are left out.
 */
import type { Message, NodeId } from '../../raft/index.js';
import { FORMATS } from '../formats.js';
import { WireError, type WireReader, type WireWriter } from './wire-buffer.js';
import { RAFT_RECORDS, readRaftMessage, type RaftRecord } from './wire-raft.js';

const { marked: MARKED, release: RELEASE, released: RELEASED } = FORMATS.recordKind.numbers;
const FIRST_VERSION = 2;

/** Writes the mark before the record of `message`; almost always there is none. */
export function writeQuarantine(out: WireWriter, message: Message): void {
  switch (message.type) {
    case 'append-ok':
    case 'heartbeat-ok':
    case 'snapshot-answer':
      if (message.quarantine !== undefined) {
        if (out.version < FIRST_VERSION) throw new WireError('an acknowledgement that must not count, on version 1');
        out.u8(MARKED);
        out.u48(message.quarantine);
      } else if (message.type === 'heartbeat-ok' && message.released !== undefined && out.version >= FIRST_VERSION) {
        out.u8(RELEASED);
        out.u48(message.released);
      }
      return;
    case 'heartbeat':
      if (message.release === undefined || out.version < FIRST_VERSION) return;
      out.u8(RELEASE);
      out.u48(message.release.boot);
      out.u48(message.release.index);
      return;
    case 'append':
    case 'append-refused':
    case 'vote':
    case 'vote-answer':
    case 'snapshot':
    case 'timeout-now':
    case 'term-notice':
  }
}

/** Whether a record of this type is a mark of quarantine, on a link of this version. */
export const isMark = (record: number, version: number): boolean =>
  record >= MARKED && record <= RELEASED && version >= FIRST_VERSION;

/** Reads a Raft message that begins with a record of quarantine, of type `mark`. */
export function readMarked(input: WireReader, mark: number, from: NodeId, to: NodeId): RaftRecord {
  const boot = input.u48();
  if (boot === 0) throw new WireError('a quarantine of boot 0');
  const index = mark === RELEASE ? input.u48() : 0;
  const { type, group, message } = readRaftMessage(input, input.u8(), from, to);
  return { type, group, message: withMark(message, mark, boot, index) };
}

function withMark(message: Message, record: number, boot: number, index: number): Message {
  switch (message.type) {
    case 'heartbeat':
      if (record === RELEASE) return { ...message, release: { boot, index } };
      break;
    case 'append-ok':
    case 'snapshot-answer':
      if (record === MARKED) return { ...message, quarantine: boot };
      break;
    case 'heartbeat-ok':
      if (record === MARKED) return { ...message, quarantine: boot };
      if (record === RELEASED) return { ...message, released: boot };
      break;
    case 'append':
    case 'append-refused':
    case 'vote':
    case 'vote-answer':
    case 'snapshot':
    case 'timeout-now':
    case 'term-notice':
      break;
  }
  throw new WireError(`a record of type ${record} before one of type ${RAFT_RECORDS[message.type]}`);
}
