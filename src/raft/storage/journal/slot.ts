/**
 * A slot of the journal: a fixed number of bytes with one part of one row, and a header that identifies it.
 *
 * Slots are overwritten in place, so only their header identifies their content. Little-endian:
 *
 *     seq u53 · batch u53 · part u32 · parts u32 · row bytes u32 · row CRC-32C u32 · CRC-32C of all these u32 · data
 *
 * `batch` is the first row that was synced together with this one: a row of the last batch may be torn although a
 * later one of the batch is whole, a row of an earlier batch may not.
 */
import { UINT53_BYTES, readUint53, spanOf, writeUint53 } from '../../codec.js';
import { crc32c } from './crc32c.js';

export interface SlotHeader {
  readonly seq: number;
  readonly batch: number;
  /** Number of this part, from 0, out of `parts`. */
  readonly part: number;
  readonly parts: number;
  /** Length of the whole row; `rowCrc` is its checksum. */
  readonly rowBytes: number;
  readonly rowCrc: number;
}

export const SLOT_HEADER_BYTES = 2 * UINT53_BYTES + 5 * 4;
const NUMBERS_AT = 2 * UINT53_BYTES;
const SUM_AT = SLOT_HEADER_BYTES - 4;

export const partsOf = (rowBytes: number, slotBytes: number): number =>
  Math.max(1, Math.ceil(rowBytes / (slotBytes - SLOT_HEADER_BYTES)));

/** Fills the slot with the header and its part of the row, and the rest with zeros. */
export function writeSlot(slot: Uint8Array, header: SlotHeader, row: Uint8Array): void {
  const span = spanOf(slot);
  writeUint53(span, 0, header.seq);
  writeUint53(span, UINT53_BYTES, header.batch);
  const numbers = [header.part, header.parts, header.rowBytes, header.rowCrc];
  for (const [i, number] of numbers.entries()) span.view.setUint32(NUMBERS_AT + 4 * i, number, true);
  span.view.setUint32(SUM_AT, crc32c(slot.subarray(0, SUM_AT)), true);
  const room = slot.length - SLOT_HEADER_BYTES;
  const data = row.subarray(header.part * room, (header.part + 1) * room);
  slot.set(data, SLOT_HEADER_BYTES);
  slot.fill(0, SLOT_HEADER_BYTES + data.length);
}

/** undefined for a slot that was never written, or whose header is damaged. */
export function readSlotHeader(slot: Uint8Array): SlotHeader | undefined {
  if (slot.length < SLOT_HEADER_BYTES) return undefined;
  const span = spanOf(slot);
  if (span.view.getUint32(SUM_AT, true) !== crc32c(slot.subarray(0, SUM_AT))) return undefined;
  const number = (i: number): number => span.view.getUint32(NUMBERS_AT + 4 * i, true);
  return {
    seq: readUint53(span, 0),
    batch: readUint53(span, UINT53_BYTES),
    part: number(0),
    parts: number(1),
    rowBytes: number(2),
    rowCrc: number(3),
  };
}
