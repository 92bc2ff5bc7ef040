/**
 * Encoding of state rows, in snapshot chunks and in a checkpoint on its way to the worker. A sequence of:
 *
 *     key length u16 · key · value length u32 (2^32 − 1 = deleted) · value
 *
 * Chunks come from peers, so decoding validates everything.
 */
import { MalformedBytes } from '../../codec.js';
import type { StateKey, StateRow } from '../storage.js';

export const MAX_STATE_KEY_BYTES = 0xffff;
const DELETED = 0xffff_ffff;
const HEADER_BYTES = 6;

export const stateRowSize = (key: StateKey, value: Uint8Array | undefined): number =>
  HEADER_BYTES + key.length + (value === undefined ? 0 : value.length);

/** Collects rows until `take`. The returned bytes have their own buffer and can be transferred. */
export class StateRowWriter {
  #rows: StateRow[] = [];
  #bytes = 0;

  /** Size of the collected rows. */
  get bytes(): number {
    return this.#bytes;
  }

  get rows(): number {
    return this.#rows.length;
  }

  add(key: StateKey, value: Uint8Array | undefined): void {
    if (key.length > MAX_STATE_KEY_BYTES) throw new RangeError(`a state key has ${key.length} bytes`);
    this.#rows.push([key, value]);
    this.#bytes += stateRowSize(key, value);
  }

  take(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#bytes);
    const buffer = Buffer.from(bytes.buffer);
    let at = 0;
    for (const [key, value] of this.#rows) {
      at = buffer.writeUInt16LE(key.length, at);
      at += buffer.write(key, at, 'latin1');
      at = buffer.writeUInt32LE(value === undefined ? DELETED : value.length, at);
      if (value !== undefined) {
        bytes.set(value, at);
        at += value.length;
      }
    }
    this.#rows = [];
    this.#bytes = 0;
    return bytes;
  }
}

/** One encoded row: key and value are views into the bytes, not copies. */
export interface RawStateRow {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
}

/** Throws `MalformedBytes` at the first row that does not fit. */
export function* decodeStateRows(data: Uint8Array): Generator<RawStateRow, void, undefined> {
  const buffer = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  let at = 0;
  while (at < buffer.length) {
    if (at + 2 > buffer.length) throw new MalformedBytes('a state row ends within its head');
    const valueAt = at + 2 + buffer.readUInt16LE(at);
    if (valueAt + 4 > buffer.length) throw new MalformedBytes('a state row ends within its key');
    const key = buffer.subarray(at + 2, valueAt);
    const length = buffer.readUInt32LE(valueAt);
    at = valueAt + 4;
    if (length === DELETED) {
      yield { key, value: undefined };
      continue;
    }
    if (at + length > buffer.length) throw new MalformedBytes('a state row ends within its value');
    yield { key, value: buffer.subarray(at, at + length) };
    at += length;
  }
}

/** Validates a snapshot chunk from a peer; throws `MalformedBytes` unless it consists of whole rows with values. */
export function checkSnapshotChunk(data: Uint8Array): void {
  for (const { value } of decodeStateRows(data)) {
    if (value === undefined) throw new MalformedBytes('a snapshot has no deleted rows');
  }
}

/** The smallest string greater than all that start with `prefix`; undefined if there is none. */
export function prefixEnd(prefix: StateKey): StateKey | undefined {
  let length = prefix.length;
  while (length > 0 && prefix.charCodeAt(length - 1) === 0xff) length--;
  if (length === 0) return undefined;
  return prefix.slice(0, length - 1) + String.fromCharCode(prefix.charCodeAt(length - 1) + 1);
}
