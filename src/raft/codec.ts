/**
 * The one encoding of an entry and of snapshot metadata: what the journal stores and peers send, byte for byte.
 *
 * Little-endian; integers that may exceed 32 bits take 8 bytes and are rejected above 2^53 − 1. Input is not trusted:
 * whatever does not fit throws `MalformedBytes`.
 *
 * Not shared with `shard/byte-buffer.ts` (48 bits, little-endian, a growing buffer) nor `shard/big-endian.ts`
 * (48 bits, big-endian, no `DataView`): data folders and links of earlier builds fix all three layouts, so one file would
 * merely list them.
 *
 *     entry:          index u53 · term u53 · kind u8 · length u32 · data
 *     snapshot meta:  index u53 · term u53 · configuration
 *     configuration:  3 × (count u16 · count × node u16)   voters, votersOutgoing, learners
 */
import { RAFT_FORMATS, unknownNumber, type Format } from './formats.js';
import { EntryKind } from './types.js';
import type { Configuration, Entry, NodeId, SnapshotMeta } from './types.js';

/** Thrown for bytes that are not a valid encoding: truncated, or with a value out of range. */
export class MalformedBytes extends Error {
  override readonly name: string = 'MalformedBytes';
}

/** Thrown for bytes that are intact but written by another build, in a format that this build does not read. */
export class UnknownFormat extends MalformedBytes {
  override readonly name = 'UnknownFormat';

  constructor(format: Format, number: number) {
    super(unknownNumber(format, number));
  }
}

/** Two views of the same memory: `view` for numbers, `bytes` for copying. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

export const spanOf = (bytes: Uint8Array): Span => ({
  bytes,
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
});

export const UINT53_BYTES = 8;
const TWO_32 = 0x1_0000_0000;
const MAX_HIGH = 0x1f_ffff;

/** Writes `value`, an integer in 0..2^53 − 1 (not checked), in `UINT53_BYTES`; returns the offset behind it. */
export function writeUint53(span: Span, offset: number, value: number): number {
  span.view.setUint32(offset, value >>> 0, true);
  span.view.setUint32(offset + 4, Math.floor(value / TWO_32), true);
  return offset + UINT53_BYTES;
}

/** @throws MalformedBytes if the span ends too early or the value exceeds 2^53 − 1. */
export function readUint53(span: Span, offset: number): number {
  requireBytes(span, offset, UINT53_BYTES);
  const high = span.view.getUint32(offset + 4, true);
  if (high > MAX_HIGH) throw new MalformedBytes('an integer exceeds 2^53 - 1');
  return high * TWO_32 + span.view.getUint32(offset, true);
}

/** @throws MalformedBytes unless `length` bytes from `offset` on lie within the span. */
export function requireBytes(span: Span, offset: number, length: number): void {
  if (offset + length > span.bytes.length) {
    throw new MalformedBytes(`${length} bytes wanted at ${offset} of ${span.bytes.length}`);
  }
}

export const ENTRY_HEADER_BYTES = 2 * UINT53_BYTES + 1 + 4;

/** Encoded size of an entry, in bytes. */
export const entrySize = (entry: Entry): number => ENTRY_HEADER_BYTES + entry.data.length;

/** Returns the offset behind the entry. The span must have room for `entrySize(entry)` bytes. */
export function writeEntry(span: Span, offset: number, entry: Entry): number {
  let at = writeUint53(span, offset, entry.index);
  at = writeUint53(span, at, entry.term);
  span.view.setUint8(at, entry.kind);
  span.view.setUint32(at + 1, entry.data.length, true);
  span.bytes.set(entry.data, at + 5);
  return at + 5 + entry.data.length;
}

/**
 * The entry at `offset`; it ends at `offset + entrySize(entry)`. Its `data` is a view into the span, not a copy.
 * @throws MalformedBytes if the span ends too early; `UnknownFormat` for an entry kind of a later build.
 */
export function readEntry(span: Span, offset: number): Entry {
  requireBytes(span, offset, ENTRY_HEADER_BYTES);
  const index = readUint53(span, offset);
  const term = readUint53(span, offset + 8);
  const kind = entryKind(span.view.getUint8(offset + 16));
  const length = span.view.getUint32(offset + 17, true);
  const start = offset + ENTRY_HEADER_BYTES;
  requireBytes(span, start, length);
  return { index, term, kind, data: span.bytes.subarray(start, start + length) };
}

function entryKind(value: number): EntryKind {
  switch (value) {
    case EntryKind.noop:
    case EntryKind.command:
    case EntryKind.configuration:
      return value;
    default:
      throw new UnknownFormat(RAFT_FORMATS.entryKind, value);
  }
}

const nodesSize = (nodes: readonly NodeId[]): number => 2 + 2 * nodes.length;

/** Encoded size of a configuration, in bytes. */
export const configurationSize = (configuration: Configuration): number =>
  nodesSize(configuration.voters) + nodesSize(configuration.votersOutgoing) + nodesSize(configuration.learners);

/** Returns the offset behind the configuration. */
export function writeConfiguration(span: Span, offset: number, configuration: Configuration): number {
  let at = writeNodes(span, offset, configuration.voters);
  at = writeNodes(span, at, configuration.votersOutgoing);
  return writeNodes(span, at, configuration.learners);
}

/**
 * The configuration at `offset`; it ends at `offset + configurationSize(configuration)`.
 * @throws MalformedBytes if the span ends too early.
 */
export function readConfiguration(span: Span, offset: number): Configuration {
  const voters = readNodes(span, offset);
  let at = offset + nodesSize(voters);
  const votersOutgoing = readNodes(span, at);
  at += nodesSize(votersOutgoing);
  return { voters, votersOutgoing, learners: readNodes(span, at) };
}

function writeNodes(span: Span, offset: number, nodes: readonly NodeId[]): number {
  span.view.setUint16(offset, nodes.length, true);
  let at = offset + 2;
  for (const node of nodes) {
    span.view.setUint16(at, node, true);
    at += 2;
  }
  return at;
}

function readNodes(span: Span, offset: number): NodeId[] {
  requireBytes(span, offset, 2);
  const count = span.view.getUint16(offset, true);
  requireBytes(span, offset + 2, 2 * count);
  return Array.from({ length: count }, (_, i) => span.view.getUint16(offset + 2 + 2 * i, true));
}

/** Encoded size of snapshot metadata, in bytes. */
export const snapshotMetaSize = (meta: SnapshotMeta): number =>
  2 * UINT53_BYTES + configurationSize(meta.configuration);

/** Returns the offset behind the metadata. */
export function writeSnapshotMeta(span: Span, offset: number, meta: SnapshotMeta): number {
  const at = writeUint53(span, writeUint53(span, offset, meta.index), meta.term);
  return writeConfiguration(span, at, meta.configuration);
}

/**
 * The metadata at `offset`; it ends at `offset + snapshotMetaSize(meta)`.
 * @throws MalformedBytes if the span ends too early.
 */
export function readSnapshotMeta(span: Span, offset: number): SnapshotMeta {
  return {
    index: readUint53(span, offset),
    term: readUint53(span, offset + 8),
    configuration: readConfiguration(span, offset + 16),
  };
}
