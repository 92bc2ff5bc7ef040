/**
 * Reads a recorded history from a stream of bytes: one operation, or one transaction, per line, in UTF-8.
 *
 * Lines may end with CR LF, the file may begin with a byte order mark, and blank lines are skipped. Anything else that
 * is not one is an error that names the line: a verdict on half a history would be worthless.
 */
import type { Operation } from './operation.js';
import { LineError } from './line-fields.js';
import { parseOperation } from './read-line.js';

/** Why a file is not a valid history. `line` counts from 1; undefined if it concerns the whole file. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError';
  readonly line: number | undefined;
  constructor(message: string, line?: number) {
    super(line === undefined ? message : `line ${line}: ${message}`);
    this.line = line;
  }
}

/** Far above any operation (values end at 16 MiB); a file without line ends must not exhaust the memory. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;
const NEWLINE = 10;
/** Rejects invalid UTF-8; used line by line, so that it keeps no state in between. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const BYTE_ORDER_MARK = '\uFEFF';

/** @throws HistoryError for an invalid line, and for a file without any operation: there is nothing to judge. */
export function readHistory(chunks: AsyncIterable<Uint8Array>): Promise<Operation[]> {
  return readLines(chunks, parseOperation, 'operation');
}

/**
 * One value a line, of whatever format.
 *
 * @param parse throws a LineError for a line that it refuses.
 * @param what what a line is, in words.
 * @throws HistoryError
 */
export async function readLines<Line>(
  chunks: AsyncIterable<Uint8Array>,
  parse: (line: string) => Line,
  what: string,
): Promise<Line[]> {
  const parsed: Line[] = [];
  let number = 0;
  for await (const bytes of linesOf(chunks)) {
    number++;
    const text = textOf(bytes, number);
    if (text.trim() === '') continue;
    try {
      parsed.push(parse(text));
    } catch (error) {
      throw error instanceof LineError ? new HistoryError(error.message, number) : error;
    }
  }
  if (parsed.length === 0) throw new HistoryError(`there is no ${what} in it`);
  return parsed;
}

function textOf(bytes: Uint8Array, number: number): string {
  let line: string;
  try {
    line = decoder.decode(bytes);
  } catch {
    throw new HistoryError('not UTF-8', number);
  }
  return number === 1 && line.startsWith(BYTE_ORDER_MARK) ? line.slice(1) : line;
}

async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      const end = chunk.subarray(from, to);
      yield parts.length === 0 ? end : Buffer.concat([...parts, end]);
      parts = [];
      length = 0;
      number++;
      from = to + 1;
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    length += chunk.length - from;
    if (length > MAX_LINE_BYTES) throw new HistoryError(`longer than ${MAX_LINE_BYTES} bytes`, number);
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}
