/**
 * Reads the entries of a received append, which the log keeps long after the frame is processed.
 *
 * A view keeps its whole buffer alive, such as a frame of megabytes, or all that the socket read with it. So entries
 * that are a small part of the buffer are copied, in runs, with one small allocation for many of them; those that are
 * most of it stay in place. An entry keeps at most 64 KiB alive, or four times its own size.
 */
import { ENTRY_HEADER_BYTES, entrySize, readEntry, type Entry } from '../../raft/index.js';
import { checkWireInteger, WireError, type WireReader } from './wire-buffer.js';

/** Memory up to this may be kept for one entry, however small. */
const RUN_BYTES = 16 * 1024;
/** A run that is at least this part (1/n) of its buffer stays in place. */
const FAIR_SHARE = 4;
/** Offset of the data's length in an entry. */
const LENGTH_AT = ENTRY_HEADER_BYTES - 4;

type Span = Pick<WireReader, 'bytes' | 'view'>;

/** `count u32` entries after `prevIndex@prevTerm`, of terms up to `term`. */
export function readEntries(input: WireReader, prevIndex: number, prevTerm: number, term: number): Entry[] {
  const count = input.u32();
  // The count is not trusted: the bytes that are present decide how many objects are created.
  if (count * ENTRY_HEADER_BYTES > input.remaining) throw new WireError(`${count} entries do not fit into the frame`);
  const entries: Entry[] = [];
  const keepsLittle = input.bytes.buffer.byteLength <= RUN_BYTES;
  // A view of its own: that of a reader is made each time.
  const all: Span = { bytes: input.bytes, view: input.view };
  let run = all;
  let runStart = 0;
  let runEnd = keepsLittle ? Infinity : 0;
  let before = prevTerm;
  for (let i = 1; i <= count; i++) {
    if (input.at >= runEnd) {
      const start = input.at;
      runEnd = endOfRun(all, start, count - i + 1);
      const isMost = (runEnd - start) * FAIR_SHARE >= input.bytes.buffer.byteLength;
      run = isMost ? all : copyOf(input, start, runEnd);
      runStart = isMost ? 0 : start;
    }
    const entry = readEntry(run, input.at - runStart);
    input.skip(entrySize(entry));
    checkWireInteger(entry.index);
    if (entry.index !== prevIndex + i) throw gap(entry, prevIndex + i - 1);
    if (entry.term < before || entry.term > term) throw wrongTerm(entry, before, term);
    before = entry.term;
    entries.push(entry);
  }
  return entries;
}

// Separate functions, because V8 would hoist the computation of the texts out of the loop even if none is thrown.
const gap = ({ index }: Entry, before: number): WireError => new WireError(`entry ${index} after ${before}: a gap`);
const wrongTerm = ({ index, term }: Entry, before: number, current: number): WireError =>
  new WireError(`entry ${index} of term ${term}, after term ${before}, in term ${current}`);

/** End of the run of entries from `start` on: as many as fit, or one. In malformed bytes it ends where they do. */
function endOfRun({ bytes, view }: Span, start: number, count: number): number {
  let end = start;
  for (let left = count; left > 0 && end + ENTRY_HEADER_BYTES <= bytes.length; left--) {
    const next = Math.min(bytes.length, end + ENTRY_HEADER_BYTES + view.getUint32(end + LENGTH_AT, true));
    if (next - start > RUN_BYTES && end > start) break;
    end = next;
  }
  return Math.max(end, start + 1);
}

function copyOf(input: WireReader, start: number, end: number): Span {
  const bytes = input.bytes.slice(start, end);
  return { bytes, view: new DataView(bytes.buffer) };
}
