/**
 * Answers of programs, which are too long for the slots of the dedup tables, by table and number of their entry.
 *
 * Those since the last flush are in memory; a flush writes them together into few rows. A row of its own for each would be
 * inserted into the durable state for every program, and deleted from it later.
 */
import { StorageCorruption, prefixRange, type RowPage, type RowRange, type StateKey } from '../../raft/index.js';
import { binaryString, readU48, writeU48 } from '../big-endian.js';
import { FORMATS, numberWritten, reads, unknownNumber } from '../formats.js';
import type { StateStore } from './state-store.js';

const SPACE = '\u000b';
/** Where builds before this one kept a row for each. */
const FORMER_SPACE = '\u0008';
/** Of one row, exceeded by less than one answer. */
const ROW_BYTES = 64 * 1024;
const LAYOUT = numberWritten(FORMATS.answerRow);
const NUMBER_BYTES = 6;
/** Number of the entry, length of its answer. */
const HEADER_BYTES = NUMBER_BYTES + 2;

/** A durable row: answers from this number on, before the next row's. */
interface DurableRow {
  readonly key: StateKey;
  readonly first: number;
}

/** The answers of one table. */
export class KeptAnswers {
  #fresh = new Map<number, Uint8Array>();
  /** Ascending. */
  #rows: DurableRow[] = [];
  #hasFormerRows = false;
  readonly #store: StateStore;
  readonly #table: string;

  /** @param table its character in keys */
  constructor(store: StateStore, table: string) {
    this.#store = store;
    this.#table = table;
  }

  /** @param number higher than all before @param answer not to be written to any more; at most 65,535 bytes */
  add(number: number, answer: Uint8Array): void {
    this.#fresh.set(number, answer);
  }

  get(number: number): Uint8Array | undefined {
    const fresh = this.#fresh.get(number);
    if (fresh !== undefined) return fresh;
    const key = this.#rows.findLast(({ first }) => first <= number)?.key;
    const row = key === undefined ? undefined : this.#store.get(key);
    const found = row === undefined ? undefined : answerIn(row, number);
    return found ?? this.#store.get(this.#formerKey(number));
  }

  /** The entry was evicted; all before it were, too. */
  evicted(number: number): void {
    this.#fresh.delete(number);
    if (this.#hasFormerRows) this.#store.delete(this.#formerKey(number));
  }

  /** Writes the answers since the last flush, and drops rows of which no entry is left. @param head of the table */
  flush(head: number): void {
    for (let second = this.#rows[1]; second !== undefined && second.first <= head; second = this.#rows[1]) {
      this.#store.delete(this.#rows.shift()?.key ?? '');
    }
    let answers: (readonly [number, Uint8Array])[] = [];
    let bytes = 0;
    for (const entry of this.#fresh) {
      answers.push(entry);
      bytes += HEADER_BYTES + entry[1].length;
      if (bytes < ROW_BYTES) continue;
      this.#write(answers, bytes);
      [answers, bytes] = [[], 0];
    }
    if (answers.length > 0) this.#write(answers, bytes);
    this.#fresh = new Map();
  }

  load(): void {
    this.#fresh = new Map();
    this.#rows = this.#keys(SPACE + this.#table).map((key) => ({ key, first: numberIn(key) }));
    this.#hasFormerRows = this.#keys(FORMER_SPACE + this.#table, 1).length > 0;
  }

  #write(answers: readonly (readonly [number, Uint8Array])[], bytes: number): void {
    const row = Buffer.allocUnsafe(1 + bytes);
    row[0] = LAYOUT;
    let at = 1;
    for (const [number, answer] of answers) {
      writeU48(row, at, number);
      row.writeUInt16BE(answer.length, at + NUMBER_BYTES);
      row.set(answer, at + HEADER_BYTES);
      at += HEADER_BYTES + answer.length;
    }
    const first = answers[0]?.[0] ?? 0;
    const key = SPACE + this.#table + numberKey(first);
    this.#store.set(key, row);
    this.#rows.push({ key, first });
  }

  #keys(prefix: string, most = Infinity): StateKey[] {
    const keys: StateKey[] = [];
    let left: RowRange | undefined = { ...prefixRange(prefix), keysOnly: true };
    while (left !== undefined && keys.length < most) {
      const page: RowPage = this.#store.range(left, { rows: 512, bytes: Infinity });
      for (const [key] of page.rows) keys.push(key);
      left = page.rest;
    }
    return keys;
  }

  #formerKey(number: number): StateKey {
    return FORMER_SPACE + this.#table + numberKey(number);
  }
}

function answerIn(row: Uint8Array, number: number): Uint8Array | undefined {
  const layout = row[0] ?? 0;
  if (!reads(FORMATS.answerRow, layout)) throw new StorageCorruption(unknownNumber(FORMATS.answerRow, layout));
  for (let at = 1; at + HEADER_BYTES <= row.length;) {
    const length = ((row[at + NUMBER_BYTES] ?? 0) << 8) | (row[at + NUMBER_BYTES + 1] ?? 0);
    const from = at + HEADER_BYTES;
    if (readU48(row, at) === number) return new Uint8Array(row.buffer, row.byteOffset + from, length);
    at = from + length;
  }
  return undefined;
}

const numberBytes = Buffer.alloc(NUMBER_BYTES);

function numberKey(number: number): string {
  writeU48(numberBytes, 0, number);
  return binaryString(numberBytes, 0, NUMBER_BYTES);
}

const numberIn = (key: StateKey): number => readU48(Buffer.from(key, 'latin1'), key.length - NUMBER_BYTES);
