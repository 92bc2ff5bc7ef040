/**
 * Tells a write-ahead log that was cut short from one that was damaged, before SQLite opens it.
 *
 * SQLite ends a write-ahead log at its first bad frame and says nothing. After a crash that is right: the last
 * transaction was not synced (s68). But a frame that went bad in the middle would silently undo synced commits (s69).
 * What tells them apart: a transaction is written only after the one before it was synced. So if behind the
 * transaction with the bad frame there is a good frame of the same generation, what is bad was once good.
 *
 * Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log. The checksum of a frame runs on from that of
 * the frame before, so a frame behind a bad one is checked from the stored sum of the bad one.
 */
import { existsSync, readFileSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;

type Sums = readonly [number, number];

/** The 1-based number of the damaged frame (0 = the header of the file); undefined if there is no damage. */
export function damagedFrame(walFile: string): number | undefined {
  if (!existsSync(walFile)) return undefined;
  const wal = readFileSync(walFile);
  if (wal.length < HEADER_BYTES + FRAME_HEADER_BYTES) return undefined;
  const frames = new Frames(wal, wal.readUInt32BE(8));
  if (!frames.isHeaderGood) {
    // Its page size may be what is bad; a bad header belongs to no transaction.
    return PAGE_SIZES.some((pageBytes) => new Frames(wal, pageBytes).hasGoodBehind(1)) ? 0 : undefined;
  }
  const bad = frames.firstBad();
  if (bad === undefined) return undefined;
  let end = bad;
  while (end <= frames.count && !frames.endsTransaction(end)) end++;
  return frames.hasGoodBehind(end) ? bad : undefined;
}

class Frames {
  readonly #wal: Buffer;
  readonly #view: DataView;
  readonly #isLittleEndian: boolean;
  readonly #frameBytes: number;
  readonly count: number;
  readonly isHeaderGood: boolean;

  constructor(wal: Buffer, pageBytes: number) {
    this.#wal = wal;
    this.#view = new DataView(wal.buffer, wal.byteOffset, wal.byteLength);
    const magic = wal.readUInt32BE(0);
    this.#isLittleEndian = magic !== MAGIC_BIG_ENDIAN;
    this.#frameBytes = FRAME_HEADER_BYTES + pageBytes;
    this.count = Math.floor((wal.length - HEADER_BYTES) / this.#frameBytes);
    this.isHeaderGood =
      (magic === MAGIC_LITTLE_ENDIAN || magic === MAGIC_BIG_ENDIAN) &&
      PAGE_SIZES.includes(wal.readUInt32BE(8)) &&
      isSame(this.#sum([0, 0], 0, 24), this.#sumsAt(24));
  }

  /** The first bad frame of this generation; undefined if the log simply ends, with the file or with older frames. */
  firstBad(): number | undefined {
    for (let frame = 1; frame <= this.count; frame++) if (!this.isGood(frame)) return frame;
    return undefined;
  }

  hasGoodBehind(frame: number): boolean {
    for (let at = frame + 1; at <= this.count; at++) if (this.isGood(at)) return true;
    return false;
  }

  isGood(frame: number): boolean {
    const at = this.#start(frame);
    if (!isSame(this.#sumsAt(at + 8), this.#salt())) return false;
    const before = frame === 1 ? this.#sumsAt(24) : this.#sumsAt(this.#start(frame - 1) + 16);
    const sums = this.#sum(this.#sum(before, at, 8), at + FRAME_HEADER_BYTES, this.#frameBytes - FRAME_HEADER_BYTES);
    return isSame(sums, this.#sumsAt(at + 16));
  }

  /** False for what an older generation left where a write of this one never arrived. */
  endsTransaction(frame: number): boolean {
    const at = this.#start(frame);
    return isSame(this.#sumsAt(at + 8), this.#salt()) && this.#wal.readUInt32BE(at + 4) !== 0;
  }

  #start(frame: number): number {
    return HEADER_BYTES + (frame - 1) * this.#frameBytes;
  }

  /** Of the generation: as the header has it or, if that is bad, as the first frame has it. */
  #salt(): Sums {
    return this.#sumsAt(this.isHeaderGood ? 16 : HEADER_BYTES + 8);
  }

  #sumsAt(at: number): Sums {
    return [this.#wal.readUInt32BE(at), this.#wal.readUInt32BE(at + 4)];
  }

  #sum([first, second]: Sums, at: number, length: number): Sums {
    const view = this.#view;
    const isLittle = this.#isLittleEndian;
    // In whole 32-bit numbers with a sign, which are fast; unsigned only at the end.
    let a = first | 0;
    let b = second | 0;
    for (let i = at; i < at + length; i += 8) {
      a = (a + view.getInt32(i, isLittle) + b) | 0;
      b = (b + view.getInt32(i + 4, isLittle) + a) | 0;
    }
    return [a >>> 0, b >>> 0];
  }
}

const isSame = (one: Sums, other: Sums): boolean => one[0] === other[0] && one[1] === other[1];
