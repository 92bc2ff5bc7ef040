/**
 * The state machine of a shard: applies entries to its keys and computes the answers.
 *
 * Everything is a function of the entries applied, in their order: time is the leader's clock (`node/replicated-clock.ts`) as recorded in the
 * entries, and the options are the same on every replica. So replicas at the same applied index have the same state and
 * the same `stateHash`, which is updated with every write and unchanged by a checkpoint, a restart or a snapshot.
 *
 * A write is applied once. Its operation id is inserted with its answer into the dedup table (`dedup-table.ts`), also
 * when a precondition failed; a repeat is answered from there, before any condition is evaluated. An id that is not in
 * the table is either new or evicted. That is decided by the sender's knowledge (`Attempt`), by the creation time in a
 * version 7 id, and by the eviction watermark: the latest such time among all evicted ids.
 * - `initial`: applied, whatever the clocks. Correct unless this attempt arrives after a later attempt of the same
 *   write was applied and evicted.
 * - `retry`: applied only if it certainly was not before: the id was created after the watermark, or nothing was ever
 *   evicted. Otherwise refused as expired. So a router's retries are never applied twice, whatever the load and the
 *   clocks. The cost: with more than `maxDedupEntries` writes within the time of an attempt, a retry ends as unknown,
 *   and so do all retries under ids without a creation time, once anything was evicted. An id created by a clock that
 *   was ahead moves the watermark ahead when it is evicted, at the same cost until real time has caught up.
 * - `client-keyed`: new, as far as the router knows, or a client's retry. Refused as expired if its id was created both
 *   before `EXPIRY_SHARE` of the window, by replicated time, and not after the watermark. So a client's retry after its
 *   entry was evicted for its age is never applied twice, as long as the clock that created the id was at most a third
 *   of the window ahead of the leader's (5 minutes of 15); and a new write is never refused as long as that clock is at
 *   most two thirds behind (10 minutes) or, however far behind it is, no later id has been evicted. If replicated time is
 *   ahead of real time, because a clock was, and ids created by such a clock are evicted, new `client-keyed` writes are
 *   refused until both are level again (`node/replicated-clock.ts`). Not covered, and applied
 *   again: ids of other versions, and entries that were evicted early because of more than `maxDedupEntries` writes
 *   within the window.
 *
 * A refusal as expired has the outcome `unknown`: an earlier attempt may have been applied.
 *
 * Row keys: '\0' + key for records, '\u0001' for pages of the dedup table, '\u0002' for the meta row.
 */
import { StorageCorruption } from '../../raft/index.js';
import { AnswerKind, DedupTable, type CompactAnswer, type DedupEntry } from './dedup-table.js';
import { binaryString, readU32, readU48, writeU32, writeU48 } from '../big-endian.js';
import { operationTimeMs, viewCommand, type CommandView } from './command.js';
import { refuse } from '../errors.js';
import { FORMATS, numberWritten, reads, unknownNumber } from '../formats.js';
import { hash64, hex64 } from '../keys/index.js';
import { MAX_ENCODED_KEY_BYTES } from '../bounds.js';
import type { Answer, KeyRecord } from '../operation.js';
import {
  createRevisionOf,
  decodeRecord,
  encodeRecord,
  hashHighOf,
  hashLowOf,
  revisionOf,
  versionOf,
} from './record-row.js';
import { HashSum } from './state-hash.js';
import type { StateStore } from './state-store.js';

/** Options that are part of the replicated behaviour: the same on every replica, for the lifetime of a cluster. */
export interface KvMachineOptions {
  /** Entries of the dedup table; default 16,384. */
  readonly maxDedupEntries?: number;
  /** Milliseconds of replicated time for which an entry is kept; default 15 minutes. */
  readonly windowMs?: number;
}

export const DEFAULT_MAX_DEDUP_ENTRIES = 16_384;
export const DEFAULT_WINDOW_MS = 15 * 60_000;
const EXPIRY_SHARE = 2 / 3;

const META_KEY = '\u0002';
const META_LAYOUT = numberWritten(FORMATS.shardMeta);
const META_BYTES = 47;

export class KvMachine {
  readonly #dedup: DedupTable;
  readonly #windowMs: number;
  #clockMs = 0;
  #keys = 0;
  readonly #hash = new HashSum();
  readonly #store: StateStore;

  constructor(store: StateStore, options: KvMachineOptions = {}) {
    this.#store = store;
    this.#windowMs = options.windowMs ?? DEFAULT_WINDOW_MS;
    const maxEntries = options.maxDedupEntries ?? DEFAULT_MAX_DEDUP_ENTRIES;
    if (!(maxEntries >= 1) || !(this.#windowMs > 0)) throw new RangeError('the dedup table has no room');
    this.#dedup = new DedupTable(store, { maxEntries, windowMs: this.#windowMs });
  }

  /** Number of live keys. */
  get keyCount(): number {
    return this.#keys;
  }

  /** Replicated time: the latest leader's clock in any entry, ms since 1970. */
  get replicatedTimeMs(): number {
    return this.#clockMs;
  }

  get dedupEntries(): number {
    return this.#dedup.size;
  }

  /**
   * Applies the entry at `index`; once per entry, in order.
   * @throws MalformedCommand if this version cannot decode the entry. The state is then unchanged, and the replica must
   *   stop: other replicas may have applied it.
   */
  apply(index: number, data: Uint8Array): Answer {
    const command = viewCommand(data);
    if (command.timeMs > this.#clockMs) {
      this.#clockMs = command.timeMs;
      this.#dedup.evictExpired(this.#clockMs);
    }
    const known = this.#dedup.find(data, command.idAt);
    if (known !== undefined) return replayedAnswer(known, command);
    if (this.#mayBeEvicted(command)) return refuse('idempotency-key-expired');
    const answer = this.#write(index, command);
    const { fingerprintHigh, fingerprintLow } = command;
    const { kind, revision, detail } = answer;
    this.#dedup.insert(data, command.idAt, this.#clockMs, {
      kind,
      revision,
      detail,
      fingerprintHigh,
      fingerprintLow,
    });
    return answerOf(answer, false);
  }

  /** Returns the record of an encoded key. Its body may be a view of the row and must not be written to. */
  get(key: Uint8Array): KeyRecord | undefined {
    if (key.length > MAX_ENCODED_KEY_BYTES) return undefined;
    const row = this.#store.get(rowKeyOf(key));
    return row === undefined ? undefined : decodeRecord(row);
  }

  /** 16 hex digits; equal on all replicas at the same applied index. */
  stateHash(): string {
    const { high, low } = hash64(this.#metaRow());
    return hex64(high, low);
  }

  /** Writes all in-memory state into rows. To be called before every checkpoint. */
  flush(): void {
    this.#dedup.flush();
    this.#store.set(META_KEY, this.#metaRow());
  }

  /**
   * Loads the state from the rows of a checkpoint or snapshot, without reading records.
   * @throws StorageCorruption if the rows contradict each other.
   */
  load(): void {
    const row = this.#store.get(META_KEY) ?? EMPTY_META;
    const layout = row[0] ?? 0;
    if (!reads(FORMATS.shardMeta, layout)) throw new StorageCorruption(unknownNumber(FORMATS.shardMeta, layout));
    if (row.length !== META_BYTES) throw new StorageCorruption(`the meta row of a shard has ${row.length} bytes`);
    this.#clockMs = readU48(row, 1);
    this.#keys = readU48(row, 7);
    this.#hash.set(readU32(row, 13), readU32(row, 17));
    this.#dedup.load({
      head: readU48(row, 21),
      tail: readU48(row, 27),
      evictionWatermarkMs: readU48(row, 33),
      hashHigh: readU32(row, 39),
      hashLow: readU32(row, 43),
    });
  }

  /** For an id that is not in the table: whether an earlier attempt may have been applied and evicted. */
  #mayBeEvicted(command: CommandView): boolean {
    if (command.attempt === 'initial') return false;
    const madeMs = operationTimeMs(command.data, command.idAt);
    if (!this.#dedup.mayHaveEvicted(madeMs)) return false;
    if (command.attempt === 'retry') return true;
    return madeMs !== undefined && madeMs < this.#clockMs - this.#windowMs * EXPIRY_SHARE;
  }

  #write(index: number, command: CommandView): CompactAnswer {
    const rowKey = binaryString(command.data, command.rowKeyAt, command.contentTypeAt);
    const row = this.#store.get(rowKey);
    if (!holds(command, row)) {
      return { kind: AnswerKind.preconditionFailed, revision: index, detail: row === undefined ? 0 : revisionOf(row) };
    }
    return command.isPut ? this.#put(index, command, rowKey, row) : this.#delete(index, rowKey, row);
  }

  #put(index: number, command: CommandView, rowKey: string, old: Uint8Array | undefined): CompactAnswer {
    const version = old === undefined ? 1 : versionOf(old) + 1;
    const row = encodeRecord(
      {
        source: command.data,
        keyAt: command.rowKeyAt + 1,
        contentTypeAt: command.contentTypeAt,
        bodyAt: command.bodyAt,
      },
      { revision: index, createRevision: old === undefined ? index : createRevisionOf(old), version },
    );
    if (old === undefined) this.#keys += 1;
    else this.#hash.subtract(hashHighOf(old), hashLowOf(old));
    this.#hash.add(hashHighOf(row), hashLowOf(row));
    this.#store.set(rowKey, row);
    return { kind: old === undefined ? AnswerKind.created : AnswerKind.updated, revision: index, detail: version };
  }

  #delete(index: number, rowKey: string, old: Uint8Array | undefined): CompactAnswer {
    if (old === undefined) return { kind: AnswerKind.notThere, revision: index, detail: 0 };
    this.#hash.subtract(hashHighOf(old), hashLowOf(old));
    this.#keys -= 1;
    this.#store.delete(rowKey);
    return { kind: AnswerKind.deleted, revision: index, detail: 0 };
  }

  #metaRow(): Uint8Array {
    const dedup = this.#dedup.state();
    const row = Buffer.alloc(META_BYTES);
    row[0] = META_LAYOUT;
    writeU48(row, 1, this.#clockMs);
    writeU48(row, 7, this.#keys);
    writeU32(row, 13, this.#hash.high);
    writeU32(row, 17, this.#hash.low);
    writeU48(row, 21, dedup.head);
    writeU48(row, 27, dedup.tail);
    writeU48(row, 33, dedup.evictionWatermarkMs);
    writeU32(row, 39, dedup.hashHigh);
    writeU32(row, 43, dedup.hashLow);
    return row;
  }
}

const EMPTY_META = new Uint8Array(META_BYTES);
EMPTY_META[0] = META_LAYOUT;

function holds(command: CommandView, row: Uint8Array | undefined): boolean {
  switch (command.condition) {
    case 'none':
      return true;
    case 'absent':
      return row === undefined;
    case 'exists':
      return row !== undefined;
    case 'revision':
      return row !== undefined && revisionOf(row) === command.conditionRevision;
  }
}

function replayedAnswer(known: DedupEntry, command: CommandView): Answer {
  const same = known.fingerprintHigh === command.fingerprintHigh && known.fingerprintLow === command.fingerprintLow;
  return same ? answerOf(known, true) : refuse('idempotency-key-reused');
}

function answerOf({ kind, revision, detail }: CompactAnswer, replayed: boolean): Answer {
  switch (kind) {
    case AnswerKind.created:
      return { type: 'put', revision, version: detail, created: true, replayed };
    case AnswerKind.updated:
      return { type: 'put', revision, version: detail, created: false, replayed };
    case AnswerKind.deleted:
      return { type: 'delete', deleted: true, revision, replayed };
    case AnswerKind.notThere:
      return { type: 'delete', deleted: false, revision, replayed };
    case AnswerKind.preconditionFailed:
      return { ...refuse('precondition-failed', undefined, { currentRevision: detail }), replayed };
  }
}

const rowKeyBytes = Buffer.alloc(1 + MAX_ENCODED_KEY_BYTES);
const SHORT_KEY = 48;

function rowKeyOf(key: Uint8Array): string {
  const length = key.length;
  if (length > SHORT_KEY) rowKeyBytes.set(key, 1);
  else for (let at = 0; at < length; at += 1) rowKeyBytes[at + 1] = key[at] ?? 0;
  return binaryString(rowKeyBytes, 0, length + 1);
}
