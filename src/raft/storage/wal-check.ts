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
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;

type Sums = readonly [number, number];

/** The 1-based number of the damaged frame (0 = the header of the file); undefined if there is no damage. */
export function damagedFrame(walFile: string): number | undefined {
  if (!existsSync(walFile)) return undefined;
  const wal = readFileSync(walFile);
  if (wal.length < HEADER_BYTES + FRAME_HEADER_BYTES) return undefined;
  const frames = new Frames(wal);
  const bad = frames.isHeaderGood ? frames.firstBad() : 0;
  if (bad === undefined) return undefined;
  let at = Math.max(bad, 1);
  // To the end of the transaction that the bad frame is in; a bad header belongs to none.
  if (bad > 0) while (at <= frames.count && !frames.endsTransaction(at)) at++;
  for (at++; at <= frames.count; at++) if (frames.isGood(at)) return bad;
  return undefined;
}

class Frames {
  readonly #wal: Buffer;
  readonly #isLittleEndian: boolean;
  readonly #frameBytes: number;
  readonly count: number;
  readonly isHeaderGood: boolean;

  constructor(wal: Buffer) {
    this.#wal = wal;
    const magic = wal.readUInt32BE(0);
    this.#isLittleEndian = magic !== MAGIC_BIG_ENDIAN;
    const pageBytes = wal.readUInt32BE(8);
    const isPageSize = pageBytes >= 512 && pageBytes <= 65_536 && (pageBytes & (pageBytes - 1)) === 0;
    this.#frameBytes = FRAME_HEADER_BYTES + (isPageSize ? pageBytes : 4096);
    this.count = Math.floor((wal.length - HEADER_BYTES) / this.#frameBytes);
    this.isHeaderGood =
      (magic === MAGIC_LITTLE_ENDIAN || magic === MAGIC_BIG_ENDIAN) &&
      isPageSize &&
      isSame(this.#sum([0, 0], 0, 24), this.#sumsAt(24));
  }

  /** The first bad frame of this generation; undefined if the log simply ends, with the file or with older frames. */
  firstBad(): number | undefined {
    for (let frame = 1; frame <= this.count; frame++) if (!this.isGood(frame)) return frame;
    return undefined;
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
    let a = first;
    let b = second;
    for (let i = at; i < at + length; i += 8) {
      const isLittle = this.#isLittleEndian;
      a = (a + (isLittle ? this.#wal.readUInt32LE(i) : this.#wal.readUInt32BE(i)) + b) >>> 0;
      b = (b + (isLittle ? this.#wal.readUInt32LE(i + 4) : this.#wal.readUInt32BE(i + 4)) + a) >>> 0;
    }
    return [a, b];
  }
}

const isSame = (one: Sums, other: Sums): boolean => one[0] === other[0] && one[1] === other[1];
