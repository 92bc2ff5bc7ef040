/**
 * A frame: one batch of `PeerMessage`s between two processes, as bytes, in the protocol version of their link.
 *
 * ```
 * version u8 · from u16 · to u16 · records…          (from/to: node ids; 0 = a router, which sends and gets no raft)
 * record  = type u8, then
 *   1..11   group u32, term u48, fields              (wire-raft.ts)
 *   12..14  a mark, and the record that it belongs to (wire-quarantine.ts), since version 2
 *   32, 33  request: id u48, request · reply: id u48, reply   (wire-operations.ts)
 *   34      topology: JSON                           (wire-documents.ts)
 *   35      ping                                     (wire-ping.ts)
 *   36, 37  status-request: id u48 · status: id u48, JSON
 *   38      position: u48, since version 2
 *   39, 40  process-question · process-answer, since version 2  (wire-process.ts)
 *   41, 42  read-index-request · read-index, since version 3  (wire-read-index.ts)
 * ```
 * A heartbeat costs only 24 bytes, so the heartbeats of a thousand groups are one frame of 24 KB.
 * There is no count of records: a frame ends where its bytes end, and an incomplete record is refused.
 *
 * `decodeFrame` does not trust its input: it throws `WireError` for anything that `FrameEncoder` cannot have written,
 * and creates no more objects than the received bytes account for.
 */
import { MalformedBytes } from '../../raft/index.js';
import { FORMATS, reads, recordRefusal, unknownNumber } from '../formats.js';
import { MAX_FRAME_BYTES, SPLIT_FRAME_BYTES } from '../bounds.js';
import { PROTOCOL } from './protocol.js';
import type { ShardRequest } from '../operation.js';
import type { PeerMessage } from './transport.js';
import { WireError, WireReader, WireWriter } from './wire-buffer.js';
import { readStatus, readTopology, writeStatus, writeTopology } from './wire-documents.js';
import { readReply, readRequest, writeReply, writeRequest } from './wire-operations.js';
import { readPing, writePing } from './wire-ping.js';
import { readProcessAnswer, readProcessQuestion, writeProcess } from './wire-process.js';
import { readIndexAnswer, readIndexRequest, writeReadIndex } from './wire-read-index.js';
import { isMark, readMarked, writeQuarantine } from './wire-quarantine.js';
import { RAFT_RECORDS, readRaftMessage, writeRaftMessage } from './wire-raft.js';

/** The newest protocol version that this build writes (see `protocol.ts` for the changes in each). */
export const WIRE_VERSION = PROTOCOL.versions.max;

const RECORDS = FORMATS.recordKind.numbers satisfies Record<Exclude<PeerMessage['type'], 'raft'>, number>;

const LAST_RAFT_RECORD = 31;

/** Sender and receiver of a frame: node ids, or 0 for a router. */
export interface FrameEnds {
  readonly from: number;
  readonly to: number;
}

export interface Frame extends FrameEnds {
  readonly messages: readonly PeerMessage[];
}

export interface FrameOptions {
  /** Protocol version of the link. Default: the newest. */
  readonly version?: number;
  /** A message whose encoding is longer is refused. Default: none is. */
  readonly maxRecordBytes?: number;
}

/** Collects messages for one peer straight into the bytes of its next frame. */
export class FrameEncoder {
  readonly #out: WireWriter;
  readonly #ends: FrameEnds;
  readonly #maxRecordBytes: number;
  #count = 0;

  constructor(ends: FrameEnds, { version = WIRE_VERSION, maxRecordBytes = Infinity }: FrameOptions = {}) {
    this.#out = new WireWriter(version);
    this.#ends = ends;
    this.#maxRecordBytes = maxRecordBytes;
  }

  /** Length of the frame that `take` would return; 0 if there is none. */
  get byteLength(): number {
    return this.#out.length;
  }

  get messageCount(): number {
    return this.#count;
  }

  /**
   * Adds one message to the frame.
   * @throws WireError if it cannot be encoded, or not between these two; the frame is then unchanged.
   */
  add(message: PeerMessage): void {
    const before = this.#out.length;
    try {
      if (before === 0) this.#writeHeader();
      const start = this.#out.length;
      this.#writeRecord(message);
      if (this.#out.length - start > this.#maxRecordBytes) {
        throw new WireError(
          `a ${message.type} of ${this.#out.length - start} bytes, ${this.#maxRecordBytes} are allowed`,
        );
      }
      this.#count += 1;
    } catch (error) {
      this.#out.rewind(before);
      throw error;
    }
  }

  /** The frame, if anything was added since the last call. The caller owns the bytes. */
  take(): Uint8Array | undefined {
    if (this.#count === 0) return undefined;
    this.#count = 0;
    return this.#out.take();
  }

  #writeHeader(): void {
    this.#out.u8(this.#out.version);
    this.#out.u16(this.#ends.from);
    this.#out.u16(this.#ends.to);
  }

  #writeRecord(message: PeerMessage): void {
    const out = this.#out;
    switch (message.type) {
      case 'raft': {
        const { from, to, type } = message.message;
        if (from !== this.#ends.from || to !== this.#ends.to || from === 0 || to === 0) {
          throw new WireError(
            `a raft message from ${from} to ${to} on the way from ${this.#ends.from} to ${this.#ends.to}`,
          );
        }
        writeQuarantine(out, message.message);
        out.u8(RAFT_RECORDS[type]);
        writeRaftMessage(out, message.group, message.message);
        return;
      }
      case 'request':
        out.u8(RECORDS.request);
        out.u48(message.id);
        writeRequest(out, message.request);
        return;
      case 'reply':
        out.u8(RECORDS.reply);
        out.u48(message.id);
        writeReply(out, message.reply);
        return;
      case 'topology':
        out.u8(RECORDS.topology);
        writeTopology(out, message.topology);
        return;
      case 'ping':
        out.u8(RECORDS.ping);
        writePing(out, message);
        return;
      case 'status-request':
        out.u8(RECORDS['status-request']);
        out.u48(message.id);
        return;
      case 'status':
        out.u8(RECORDS.status);
        out.u48(message.id);
        writeStatus(out, message.status);
        return;
      case 'position':
        if (out.version < 2) throw new WireError('a position on a link of version 1');
        out.u8(RECORDS.position);
        out.u48(message.position);
        return;
      case 'process-question':
      case 'process-answer':
        if (out.version < 2) throw new WireError(`a ${message.type} on a link of version 1`);
        out.u8(RECORDS[message.type]);
        writeProcess(out, message);
        return;
      case 'read-index-request':
      case 'read-index':
        out.u8(RECORDS[message.type]);
        writeReadIndex(out, message);
        return;
    }
  }
}

/** One frame with these messages; for tests and rare senders. */
export function encodeFrame(frame: Frame, version = WIRE_VERSION): Uint8Array {
  const encoder = new FrameEncoder(frame, { version });
  for (const message of frame.messages) encoder.add(message);
  return encoder.take() ?? new Uint8Array(0);
}

/**
 * Why this request cannot be encoded for any link, however often it is tried; undefined if it can. Costs as much as
 * sending it: for requests that a transport has refused.
 */
export function requestEncodeError(request: ShardRequest): string | undefined {
  const maxRecordBytes = MAX_FRAME_BYTES - SPLIT_FRAME_BYTES - FRAME_HEADER_BYTES;
  const encoder = new FrameEncoder({ from: 0, to: 0 }, { maxRecordBytes });
  try {
    encoder.add({ type: 'request', id: 0, request });
    return undefined;
  } catch (error) {
    if (error instanceof WireError) return error.message;
    throw error;
  }
}

/**
 * Reads a frame. Bodies, keys and entries are views into `bytes`, which must not change afterwards.
 * @param version of the link that they came over.
 * @throws WireError for anything that is not exactly a frame of this version.
 */
export function decodeFrame(bytes: Uint8Array, version = WIRE_VERSION): Frame {
  try {
    return readFrame(new WireReader(bytes, version));
  } catch (error) {
    if (error instanceof MalformedBytes) throw new WireError(error.message);
    throw error;
  }
}

function readFrame(input: WireReader): Frame {
  const version = input.u8();
  if (version !== input.version) {
    const { linkVersion, linkMessage } = FORMATS;
    const isKnown = reads(linkVersion, version) || reads(linkMessage, version);
    if (!isKnown) throw new WireError(unknownNumber(linkVersion, version));
    throw new WireError(`a frame of version ${version} on a link of version ${input.version}`);
  }
  const from = input.u16();
  const to = input.u16();
  if (input.remaining === 0) throw new WireError('a frame without messages');
  const messages: PeerMessage[] = [];
  while (input.remaining > 0) messages.push(readRecord(input, from, to));
  return { from, to, messages };
}

/** Bytes that every frame has before its first record. */
export const FRAME_HEADER_BYTES = 5;

/** A separate function, because V8 would hoist the computation of the text out of the loop even if it is not thrown. */
const toItself = (node: number): WireError => new WireError(`node ${node} writes to itself`);

function readRecord(input: WireReader, from: number, to: number): PeerMessage {
  const record = input.u8();
  if (record <= LAST_RAFT_RECORD) {
    if (from === 0 || to === 0) throw new WireError('a raft message from or to a router');
    if (from === to) throw toItself(from);
    if (isMark(record, input.version)) return readMarked(input, record, from, to);
    return readRaftMessage(input, record, from, to);
  }
  switch (record) {
    case RECORDS.request:
      return { type: 'request', id: input.u48(), request: readRequest(input) };
    case RECORDS.reply:
      return { type: 'reply', id: input.u48(), reply: readReply(input) };
    case RECORDS.topology:
      return { type: 'topology', topology: readTopology(input) };
    case RECORDS.ping:
      return readPing(input);
    case RECORDS['status-request']:
      return { type: 'status-request', id: input.u48() };
    case RECORDS.status:
      return { type: 'status', id: input.u48(), status: readStatus(input) };
    case RECORDS.position:
      if (input.version < 2) throw new WireError(recordRefusal(record, input.version));
      return { type: 'position', position: input.u48() };
    case RECORDS['process-question']:
    case RECORDS['process-answer']:
      if (input.version < 2) throw new WireError(recordRefusal(record, input.version));
      return record === RECORDS['process-question'] ? readProcessQuestion(input) : readProcessAnswer(input);
    case RECORDS['read-index-request']:
    case RECORDS['read-index']:
      if (input.version < 3) throw new WireError(recordRefusal(record, input.version));
      return record === RECORDS['read-index'] ? readIndexAnswer(input) : readIndexRequest(input);
    default:
      throw new WireError(recordRefusal(record, input.version));
  }
}
