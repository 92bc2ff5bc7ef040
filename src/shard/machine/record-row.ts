/**
 * The row of a key: the record that `get` returns, and the hash by which the states of replicas are compared.
 *
 * | at | bytes | field |
 * |----|---|--------------------------------------------------------------------------|
 * |  0 | 1 | layout: 1, or 2 for a key with a deadline                                |
 * |  1 | 1 | length of the content type                                               |
 * |  2 | 6 | revision                                                                 |
 * |  8 | 6 | revision that created the key                                            |
 * | 14 | 6 | version                                                                  |
 * | 20 | 8 | xxHash64 of key and row, with these eight bytes zero                     |
 * | 28 | 6 | layout 2: when the key expires, ms since 1970 by replicated time         |
 * |    |   | content type, body (to the end)                                          |
 *
 * The hash is stored so that replacing a row costs one hash and not two.
 */
import { StorageCorruption } from '../../raft/index.js';
import { binaryString, copyBytes, readU32, readU48, writeU32, writeU48 } from '../big-endian.js';
import { FORMATS, reads, unknownNumber } from '../formats.js';
import type { KeyRecord } from '../operation.js';
import { hashRow } from './state-hash.js';

const { recordLayout } = FORMATS;
const { first: LASTING, expiring: EXPIRING } = recordLayout.numbers;
const AT = { layout: 0, typeLength: 1, revision: 2, created: 8, version: 14, hash: 20, expiry: 28 } as const;
const HEADER_BYTES = 28;
const EXPIRING_HEADER_BYTES = 34;

export interface RecordMetadata {
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
}

/** A record before it has a row. */
export interface RecordContent extends RecordMetadata {
  /** Printable ASCII. */
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly expiresAtMs?: number | undefined;
}

export const revisionOf = (row: Uint8Array): number => readU48(row, AT.revision);
export const createRevisionOf = (row: Uint8Array): number => readU48(row, AT.created);
export const versionOf = (row: Uint8Array): number => readU48(row, AT.version);
export const hashHighOf = (row: Uint8Array): number => readU32(row, AT.hash);
export const hashLowOf = (row: Uint8Array): number => readU32(row, AT.hash + 4);
/** Bytes of the value. */
export const bodyBytesOf = (row: Uint8Array): number =>
  row.length - (row[AT.layout] === EXPIRING ? EXPIRING_HEADER_BYTES : HEADER_BYTES) - (row[AT.typeLength] ?? 0);
/** When the key expires; 0: never. */
export const expiryOf = (row: Uint8Array): number => (row[AT.layout] === EXPIRING ? readU48(row, AT.expiry) : 0);

/** Positions of the parts of a row in `source`: key, content type and body, adjacent, the body to the end. */
export interface RecordSource {
  readonly source: Uint8Array;
  readonly keyAt: number;
  readonly contentTypeAt: number;
  readonly bodyAt: number;
}

/** Encodes a row of a key without a deadline into a new buffer. */
export function encodeRecord(from: RecordSource, metadata: RecordMetadata): Uint8Array {
  const { source, keyAt, contentTypeAt, bodyAt } = from;
  const row = Buffer.allocUnsafe(HEADER_BYTES + source.length - contentTypeAt);
  writeHeader(row, LASTING, bodyAt - contentTypeAt, metadata);
  copyBytes(row, HEADER_BYTES, source, contentTypeAt, source.length);
  seal(row, source, keyAt, contentTypeAt);
  return row;
}

/** Encodes a row of any key. `key`: the encoded key, without the first byte of its row's. */
export function encodeContent(key: Uint8Array, content: RecordContent): Uint8Array {
  const { contentType, body, expiresAtMs } = content;
  const typeAt = expiresAtMs === undefined ? HEADER_BYTES : EXPIRING_HEADER_BYTES;
  const bodyAt = typeAt + contentType.length;
  const row = Buffer.allocUnsafe(bodyAt + body.length);
  writeHeader(row, expiresAtMs === undefined ? LASTING : EXPIRING, contentType.length, content);
  if (expiresAtMs !== undefined) writeU48(row, AT.expiry, expiresAtMs);
  row.write(contentType, typeAt, 'latin1');
  row.set(body, bodyAt);
  seal(row, key, 0, key.length);
  return row;
}

function writeHeader(row: Uint8Array, layout: number, typeLength: number, metadata: RecordMetadata): void {
  row[AT.layout] = layout;
  row[AT.typeLength] = typeLength;
  writeU48(row, AT.revision, metadata.revision);
  writeU48(row, AT.created, metadata.createRevision);
  writeU48(row, AT.version, metadata.version);
  writeU32(row, AT.hash, 0);
  writeU32(row, AT.hash + 4, 0);
}

function seal(row: Uint8Array, keySource: Uint8Array, keyFrom: number, keyTo: number): void {
  const { high, low } = hashRow(row, keySource, keyFrom, keyTo);
  writeU32(row, AT.hash, high);
  writeU32(row, AT.hash + 4, low);
}

/** The record in a row; its body is a view of the row and must not be written to. @throws StorageCorruption */
export function decodeRecord(row: Uint8Array): KeyRecord {
  const layout = row[AT.layout] ?? 0;
  if (layout !== LASTING && !reads(recordLayout, layout))
    throw new StorageCorruption(unknownNumber(recordLayout, layout));
  const typeAt = layout === EXPIRING ? EXPIRING_HEADER_BYTES : HEADER_BYTES;
  const bodyAt = typeAt + (row[AT.typeLength] ?? 0);
  if (bodyAt > row.length) throw new StorageCorruption('the row of a key is cut short');
  return {
    revision: revisionOf(row),
    createRevision: createRevisionOf(row),
    version: versionOf(row),
    contentType: sharedContentType(row, typeAt, bodyAt),
    body: row.subarray(bodyAt),
    expiresAtMs: layout === EXPIRING ? readU48(row, AT.expiry) : undefined,
  };
}

/** Of the last row that was read. Most rows of a shard have one of a few: the string is reused when the bytes are equal. */
let lastContentType = '';

/** The ASCII string at `from..to`. */
function sharedContentType(bytes: Uint8Array, from: number, to: number): string {
  if (!isLastContentType(bytes, from, to)) lastContentType = binaryString(bytes, from, to);
  return lastContentType;
}

function isLastContentType(bytes: Uint8Array, from: number, to: number): boolean {
  if (lastContentType.length !== to - from) return false;
  for (let at = from; at < to; at += 1) {
    if (lastContentType.charCodeAt(at - from) !== bytes[at]) return false;
  }
  return true;
}
