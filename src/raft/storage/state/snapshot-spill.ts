/**
 * Holds a copy of a snapshot's rows, so that the read transaction can end before the first byte is sent: while one is
 * open, the WAL of state.db cannot restart. Small snapshots stay in memory, larger ones go to a file that is unlinked
 * before the first byte is written to it, so no crash leaves it behind. Runs in the worker.
 */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';

/** Bytes kept in memory before the copy goes to a file. */
export const SPILL_MEMORY_BYTES = 4 * 1024 * 1024;
const KEY_LENGTH_BYTES = 2;
const VALUE_LENGTH_BYTES = 4;

export class SnapshotSpill {
  readonly #path: string;
  readonly #memoryBytes: number;
  #parts: Uint8Array[] = [];
  #file: number | undefined;
  #length = 0;

  /** `path`: a file that does not exist yet, used for copies larger than `memoryBytes`. */
  constructor(path: string, memoryBytes = SPILL_MEMORY_BYTES) {
    this.#path = path;
    this.#memoryBytes = memoryBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds whole rows. @throws what the file system throws, such as ENOSPC; the copy is unusable afterwards. */
  add(rows: Uint8Array): void {
    if (this.#file === undefined && this.#length + rows.length > this.#memoryBytes) this.#toFile();
    if (this.#file === undefined) this.#parts.push(rows);
    else write(this.#file, rows, this.#length);
    this.#length += rows.length;
  }

  #toFile(): void {
    this.#file = openSync(this.#path, 'w+', 0o600);
    unlinkSync(this.#path);
    let at = 0;
    for (const part of this.#parts.splice(0)) {
      write(this.#file, part, at);
      at += part.length;
    }
  }

  /** Whole rows from `start` on, at most `maxBytes`, but at least one row; empty at the end. */
  rows(start: number, maxBytes: number): Uint8Array<ArrayBuffer> {
    const bytes = this.#read(start, Math.min(maxBytes, this.#length - start));
    const end = endOfRows(bytes);
    if (end === bytes.length) return bytes;
    return end > 0 ? bytes.slice(0, end) : this.#read(start, this.#rowBytes(start));
  }

  #rowBytes(start: number): number {
    const head = KEY_LENGTH_BYTES + view(this.#read(start, KEY_LENGTH_BYTES)).getUint16(0, true);
    return head + VALUE_LENGTH_BYTES + view(this.#read(start + head, VALUE_LENGTH_BYTES)).getUint32(0, true);
  }

  #read(start: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    if (this.#file !== undefined) {
      for (let done = 0; done < length;) {
        const count = readSync(this.#file, bytes, done, length - done, start + done);
        if (count === 0) throw new Error(`the copy of a snapshot ends before ${start + length}`);
        done += count;
      }
      return bytes;
    }
    let at = 0;
    for (const part of this.#parts) {
      if (at < start + length && at + part.length > start) {
        const from = Math.max(start - at, 0);
        bytes.set(part.subarray(from, Math.min(part.length, start + length - at)), at + from - start);
      }
      at += part.length;
    }
    return bytes;
  }

  close(): void {
    this.#parts = [];
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}

/** Offset of the end of the last complete row. */
function endOfRows(bytes: Uint8Array): number {
  const data = view(bytes);
  for (let end = 0; ;) {
    const valueAt = end + KEY_LENGTH_BYTES + (end + KEY_LENGTH_BYTES <= bytes.length ? data.getUint16(end, true) : 0);
    if (valueAt + VALUE_LENGTH_BYTES > bytes.length) return end;
    const next = valueAt + VALUE_LENGTH_BYTES + data.getUint32(valueAt, true);
    if (next > bytes.length) return end;
    end = next;
  }
}

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function write(file: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, at + done);
  }
}
