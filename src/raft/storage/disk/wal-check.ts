/**
 * Distinguishes a truncated write-ahead log from a damaged one, before SQLite opens it.
 *
 * SQLite silently ends a write-ahead log at its first bad frame. After a crash that is right: the last transaction was
 * not synced (s68). But a frame damaged in the middle would silently undo synced commits (s69). They can be told apart
 * because a transaction is written only after the one before it was synced: if a good frame of the same generation
 * follows the transaction with the bad frame, the bad frame was once good.
 *
 * Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log. The checksum of a frame continues that of the
 * previous frame, so a frame after a bad one is checked from the stored sum of the bad one. The log is read in pieces,
 * so that a node can start however long the log has grown.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
const PAGE_SIZES = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];
const MAGIC_LITTLE_ENDIAN = 0x377f0682;
const MAGIC_BIG_ENDIAN = 0x377f0683;
/** Bytes read at a time; more than the longest frame. */
const PIECE_BYTES = 1024 * 1024;

type Sums = readonly [number, number];

/** The 1-based number of the damaged frame (0 = the header of the file); undefined if there is no damage. */
export function damagedFrame(walFile: string, pieceBytes = PIECE_BYTES): number | undefined {
  let file: number;
  try {
    file = openSync(walFile, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return findDamage(new Pieces(file, pieceBytes));
  } finally {
    closeSync(file);
  }
}

function findDamage(pieces: Pieces): number | undefined {
  if (pieces.length < HEADER_BYTES + FRAME_HEADER_BYTES) return undefined;
  const header = pieces.at(0, HEADER_BYTES);
  const frames = new Frames(pieces, header.readUInt32BE(8));
  if (!frames.isHeaderGood) {
    // The page size itself may be damaged; a bad header belongs to no transaction.
    return PAGE_SIZES.some((pageBytes) => new Frames(pieces, pageBytes).hasGoodBehind(1)) ? 0 : undefined;
  }
  const bad = frames.firstBad();
  if (bad === undefined) return undefined;
  let end = bad;
  while (end <= frames.count && !frames.endsTransaction(end)) end++;
  return frames.hasGoodBehind(end) ? bad : undefined;
}

/** Reads a file of any length with one piece of it in memory. */
class Pieces {
  readonly length: number;
  readonly #file: number;
  readonly #pieceBytes: number;
  #piece = Buffer.alloc(0);
  #start = 0;

  constructor(file: number, pieceBytes: number) {
    this.#file = file;
    this.#pieceBytes = pieceBytes;
    this.length = fstatSync(file).size;
  }

  /** A view that the next call may overwrite. Throws `RangeError` beyond the end. */
  at(start: number, length: number): Buffer {
    if (start < this.#start || start + length > this.#start + this.#piece.length) this.#load(start, length);
    const from = start - this.#start;
    return this.#piece.subarray(from, from + length);
  }

  #load(start: number, length: number): void {
    const size = Math.min(Math.max(length, this.#pieceBytes), this.length - start);
    if (size < length) throw new RangeError(`${length} bytes at ${start} of ${this.length}`);
    if (this.#piece.length !== size) this.#piece = Buffer.alloc(size);
    this.#start = start;
    for (let read = 0; read < size;) {
      const count = readSync(this.#file, this.#piece, read, size - read, start + read);
      if (count === 0) throw new RangeError(`the file ended at ${start + read}, not at ${this.length}`);
      read += count;
    }
  }
}

class Frames {
  readonly #pieces: Pieces;
  readonly #isLittleEndian: boolean;
  readonly #frameBytes: number;
  readonly #headerSums: Sums;
  readonly #headerSalt: Sums;
  #firstSalt: Sums | undefined;
  readonly count: number;
  readonly isHeaderGood: boolean;

  constructor(pieces: Pieces, pageBytes: number) {
    this.#pieces = pieces;
    const header = pieces.at(0, HEADER_BYTES);
    const magic = header.readUInt32BE(0);
    this.#isLittleEndian = magic !== MAGIC_BIG_ENDIAN;
    this.#frameBytes = FRAME_HEADER_BYTES + pageBytes;
    this.count = Math.floor((pieces.length - HEADER_BYTES) / this.#frameBytes);
    this.#headerSums = sumsAt(header, 24);
    this.#headerSalt = sumsAt(header, 16);
    this.isHeaderGood =
      (magic === MAGIC_LITTLE_ENDIAN || magic === MAGIC_BIG_ENDIAN) &&
      PAGE_SIZES.includes(header.readUInt32BE(8)) &&
      isSame(this.#sum([0, 0], header.subarray(0, 24)), this.#headerSums);
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
    // Read together with the preceding frame, which has the sums to continue from, so that pieces are read forwards
    // only.
    const first = frame === 1;
    const before = first ? 0 : this.#frameBytes;
    const salt = this.#salt();
    const bytes = this.#pieces.at(this.#start(frame) - before, before + this.#frameBytes);
    const sumsBefore = first ? this.#headerSums : sumsAt(bytes, 16);
    const own = bytes.subarray(before);
    if (!isSame(sumsAt(own, 8), salt)) return false;
    const sums = this.#sum(this.#sum(sumsBefore, own.subarray(0, 8)), own.subarray(FRAME_HEADER_BYTES));
    return isSame(sums, sumsAt(own, 16));
  }

  /** False for a frame that an older generation left where a write of this one never arrived. */
  endsTransaction(frame: number): boolean {
    const salt = this.#salt();
    const header = this.#pieces.at(this.#start(frame), FRAME_HEADER_BYTES);
    return isSame(sumsAt(header, 8), salt) && header.readUInt32BE(4) !== 0;
  }

  #start(frame: number): number {
    return HEADER_BYTES + (frame - 1) * this.#frameBytes;
  }

  /** The generation's salt: from the header or, if that is bad, from the first frame. */
  #salt(): Sums {
    if (this.isHeaderGood) return this.#headerSalt;
    return (this.#firstSalt ??= sumsAt(this.#pieces.at(HEADER_BYTES, FRAME_HEADER_BYTES), 8));
  }

  #sum([first, second]: Sums, bytes: Buffer): Sums {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const isLittle = this.#isLittleEndian;
    // Computed in signed 32-bit integers, which are fast; made unsigned at the end.
    let a = first | 0;
    let b = second | 0;
    for (let i = 0; i < bytes.length; i += 8) {
      a = (a + view.getInt32(i, isLittle) + b) | 0;
      b = (b + view.getInt32(i + 4, isLittle) + a) | 0;
    }
    return [a >>> 0, b >>> 0];
  }
}

const sumsAt = (bytes: Buffer, at: number): Sums => [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];

const isSame = (one: Sums, other: Sums): boolean => one[0] === other[0] && one[1] === other[1];
