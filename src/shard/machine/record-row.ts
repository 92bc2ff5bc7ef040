/**
 * The row of a key: the record that `get` returns, and the hash by which the states of replicas are compared.
 *
 * | at | bytes | field |
 * |----|---|--------------------------------------------------------------------------|
 * |  0 | 1 | layout, 1                                                                |
 * |  1 | 1 | length of the content type                                               |
 * |  2 | 6 | revision                                                                 |
 * |  8 | 6 | revision that created the key                                            |
 * | 14 | 6 | version                                                                  |
 * | 20 | 8 | xxHash64 of key and row, with these eight bytes zero                     |
 * | 28 |   | content type, body (to the end)                                          |
 *
 * The hash is stored so that replacing a row costs one hash and not two.
 */
import { StorageCorruption } from '../../raft/index.js';
import { binaryString, copyBytes, readU32, readU48, writeU32, writeU48 } from '../big-endian.js';
import { FORMATS, numberWritten, reads, unknownNumber } from '../formats.js';
import type { KeyRecord } from '../operation.js';
import { hashRow } from './state-hash.js';

const { recordLayout } = FORMATS;
const LAYOUT = numberWritten(recordLayout);
const AT = { layout: 0, typeLength: 1, revision: 2, created: 8, version: 14, hash: 20 } as const;
const HEADER_BYTES = 28;

export interface RecordMetadata {
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
}

export const revisionOf = (row: Uint8Array): number => readU48(row, AT.revision);
export const createRevisionOf = (row: Uint8Array): number => readU48(row, AT.created);
export const versionOf = (row: Uint8Array): number => readU48(row, AT.version);
export const hashHighOf = (row: Uint8Array): number => readU32(row, AT.hash);
export const hashLowOf = (row: Uint8Array): number => readU32(row, AT.hash + 4);

/** Positions of the parts of a row in `source`: key, content type and body, adjacent, the body to the end. */
export interface RecordSource {
  readonly source: Uint8Array;
  readonly keyAt: number;
  readonly contentTypeAt: number;
  readonly bodyAt: number;
}

/** Encodes a row into a new buffer. */
export function encodeRecord(from: RecordSource, metadata: RecordMetadata): Uint8Array {
  const { source, keyAt, contentTypeAt, bodyAt } = from;
  const row = Buffer.allocUnsafe(HEADER_BYTES + source.length - contentTypeAt);
  row[AT.layout] = LAYOUT;
  row[AT.typeLength] = bodyAt - contentTypeAt;
  writeU48(row, AT.revision, metadata.revision);
  writeU48(row, AT.created, metadata.createRevision);
  writeU48(row, AT.version, metadata.version);
  writeU32(row, AT.hash, 0);
  writeU32(row, AT.hash + 4, 0);
  copyBytes(row, HEADER_BYTES, source, contentTypeAt, source.length);
  const { high, low } = hashRow(row, source, keyAt, contentTypeAt);
  writeU32(row, AT.hash, high);
  writeU32(row, AT.hash + 4, low);
  return row;
}

/** The record in a row; its body is a view of the row and must not be written to. @throws StorageCorruption */
export function decodeRecord(row: Uint8Array): KeyRecord {
  const bodyAt = HEADER_BYTES + (row[AT.typeLength] ?? 0);
  const layout = row[AT.layout] ?? 0;
  if (layout !== LAYOUT && !reads(recordLayout, layout))
    throw new StorageCorruption(unknownNumber(recordLayout, layout));
  if (bodyAt > row.length) throw new StorageCorruption('the row of a key is cut short');
  return {
    revision: revisionOf(row),
    createRevision: createRevisionOf(row),
    version: versionOf(row),
    contentType: sharedContentType(row, HEADER_BYTES, bodyAt),
    body: row.subarray(bodyAt),
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
