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
 * - `keyed`: new, as far as the router knows, or a client's retry; `keyed-retry`: a router's retry of one. Applied only if
 *   it certainly was not before; `dedup.ts` says how that is known.
 * - `client-keyed`: written by builds before feature level 3, for `keyed`: new, or a client's retry. Refused as expired if its id was created both
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
 * Programs (`evaluation.ts`) are applied like plain writes, and their answers are inserted as well.
 *
 * First characters of row keys: '\0' records, '\u0001' '\u0007' '\u0009' pages of the dedup tables, '\u0002' the meta row,
 * '\u0004' the expiry index, '\u0006' deletions, '\u0008' answers of programs.
 */
import { StorageCorruption, type StateKey } from '../../raft/index.js';
import { AnswerKind, type CompactAnswer, type DedupEntry } from './dedup-table.js';
import { binaryString } from '../big-endian.js';
import { commandLayoutOf, operationTimeMs, viewCommand, viewProgramCommand, type CommandView } from './command.js';
import { Dedup, isKeyed, type FoundEntry } from './dedup.js';
import { Deletions } from './deletions.js';
import { refuse } from '../errors.js';
import { Evaluation, isDue } from './evaluation.js';
import { ExpiryIndex } from './expiry-index.js';
import { readKeyPage } from './key-page.js';
import { hash64, hex64 } from '../keys/index.js';
import { MAX_ENCODED_KEY_BYTES } from '../bounds.js';
import type { List, ListPage } from '../list.js';
import type { Answer, KeyRecord, Refusal } from '../operation.js';
import { decodeOutcome, decodeProgram, encodeOutcome } from '../program-codec.js';
import type { Program } from '../program.js';
import { createRevisionOf, decodeRecord, encodeRecord, revisionOf, versionOf } from './record-row.js';
import { Records } from './records.js';
import { META_KEY, decodeMeta, encodeMeta } from './shard-meta.js';
import type { StateStore } from './state-store.js';

/** Options that are part of the replicated behaviour: the same on every replica, for the lifetime of a cluster. */
export interface KvMachineOptions {
  /** Entries of the dedup table of ids that routers make; default 16,384. */
  readonly maxDedupEntries?: number;
  /** Entries of each of the two dedup tables of ids that clients choose; default 65,536. */
  readonly maxKeyedEntries?: number;
  /** Milliseconds of replicated time for which an entry is kept; default 15 minutes. */
  readonly windowMs?: number;
}

export const DEFAULT_MAX_DEDUP_ENTRIES = 16_384;
export const DEFAULT_MAX_KEYED_ENTRIES = 65_536;
export const DEFAULT_WINDOW_MS = 15 * 60_000;
const EXPIRY_SHARE = 2 / 3;

export class KvMachine {
  readonly #dedup: Dedup;
  readonly #windowMs: number;
  #clockMs = 0;
  readonly #expiry: ExpiryIndex;
  readonly #deletions: Deletions;
  readonly #records: Records;
  readonly #store: StateStore;

  constructor(store: StateStore, options: KvMachineOptions = {}) {
    this.#store = store;
    this.#windowMs = options.windowMs ?? DEFAULT_WINDOW_MS;
    const maxEntries = options.maxDedupEntries ?? DEFAULT_MAX_DEDUP_ENTRIES;
    const maxKeyedEntries = options.maxKeyedEntries ?? DEFAULT_MAX_KEYED_ENTRIES;
    if (!(maxEntries >= 1) || !(maxKeyedEntries >= 1) || !(this.#windowMs > 0)) {
      throw new RangeError('the dedup table has no room');
    }
    this.#dedup = new Dedup(store, { maxEntries, maxKeyedEntries, windowMs: this.#windowMs });
    this.#expiry = new ExpiryIndex(store);
    this.#deletions = new Deletions(store);
    this.#records = new Records(store, this.#expiry, this.#deletions);
  }

  /** Number of live keys. */
  get keyCount(): number {
    return this.#records.count;
  }

  /** Replicated time: the latest leader's clock in any entry, ms since 1970. */
  get replicatedTimeMs(): number {
    return this.#clockMs;
  }

  get dedupEntries(): number {
    return this.#dedup.size;
  }

  /** No key is due before this time, in ms of replicated time; infinite if none has a deadline. */
  get earliestExpiryMs(): number {
    return this.#expiry.earliestMs;
  }

  /** Keys that are due at `nowMs`, the earliest first, for an entry that expires them. */
  dueKeys(nowMs: number, limit: number): Uint8Array[] {
    return this.#expiry.due(nowMs, limit).map((rowKey) => Buffer.from(rowKey.slice(1), 'latin1'));
  }

  /**
   * Applies the entry at `index`; once per entry, in order.
   * @throws MalformedCommand if this version cannot decode the entry. The state is then unchanged, and the replica must
   *   stop: other replicas may have applied it.
   */
  apply(index: number, data: Uint8Array): Answer {
    if (commandLayoutOf(data) === 'program') return this.#applyProgramCommand(index, data);
    const command = viewCommand(data);
    this.#advance(command.timeMs);
    const known = this.#dedup.find(data, command.idAt, command.attempt);
    if (known !== undefined) return replayedAnswer(known, command);
    const refusal = this.#refusalOfUnknown(command);
    if (refusal !== undefined) return refusal;
    const answer = this.#write(index, command);
    const { fingerprintHigh, fingerprintLow, attempt } = command;
    const { kind, revision, detail } = answer;
    this.#dedup.insert(data, command.idAt, attempt, this.#clockMs, {
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
    const row = this.#records.get(rowKeyOf(key));
    return row === undefined ? undefined : decodeRecord(row);
  }

  /** The outcome of a program that only reads, on the state as it is. */
  read(body: Uint8Array, revision: number): Uint8Array {
    const program = decodeProgram(body);
    const evaluation = this.#evaluation(program, revision, () => true);
    const outcome = evaluation.run(program);
    if ('code' in outcome) return encodeOutcome(outcome);
    return encodeOutcome({ ...outcome, lastDeletion: this.#deletions.last, omitted: false });
  }

  list(list: List): ListPage {
    return readKeyPage(this.#store, list);
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
    const meta = decodeMeta(this.#store.get(META_KEY));
    this.#clockMs = meta.clockMs;
    this.#records.count = meta.keys;
    this.#records.hash.set(meta.hashHigh, meta.hashLow);
    this.#dedup.load(meta.dedup);
    this.#deletions.load(meta.deletions);
    this.#expiry.load(meta.deadlines);
  }

  #advance(timeMs: number): void {
    if (timeMs <= this.#clockMs) return;
    this.#clockMs = timeMs;
    this.#dedup.evictExpired(timeMs);
  }

  /** Why the unknown operation id must not be applied; undefined: it may be. */
  #refusalOfUnknown(command: Pick<CommandView, 'attempt' | 'data' | 'idAt'>): Refusal | undefined {
    const { attempt, data, idAt } = command;
    if (attempt === 'initial') return undefined;
    if (isKeyed(attempt)) {
      switch (this.#dedup.judgeKeyed(data, idAt, this.#clockMs)) {
        case 'new':
          return undefined;
        case 'evicted':
          return refuse('idempotency-key-expired');
        case 'no-room':
          return refuse('overloaded', 'too many idempotency keys that are no version 7 UUIDs are remembered');
      }
    }
    const timeMs = operationTimeMs(data, idAt);
    if (!this.#dedup.mayHaveEvicted(timeMs)) return undefined;
    if (attempt === 'retry') return refuse('idempotency-key-expired');
    const isOld = timeMs !== undefined && timeMs < this.#clockMs - this.#windowMs * EXPIRY_SHARE;
    return isOld ? refuse('idempotency-key-expired') : undefined;
  }

  #write(index: number, command: CommandView): CompactAnswer {
    const rowKey = binaryString(command.data, command.rowKeyAt, command.contentTypeAt);
    let row = this.#records.get(rowKey);
    if (row !== undefined && isDue(row, this.#clockMs)) {
      this.#records.remove(rowKey, row, index);
      row = undefined;
    }
    if (!holds(command, row)) {
      return { kind: AnswerKind.preconditionFailed, revision: index, detail: row === undefined ? 0 : revisionOf(row) };
    }
    return command.isPut ? this.#put(index, command, rowKey, row) : this.#delete(index, rowKey, row);
  }

  #put(index: number, command: CommandView, rowKey: StateKey, old: Uint8Array | undefined): CompactAnswer {
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
    this.#records.write(rowKey, old, row);
    return { kind: old === undefined ? AnswerKind.created : AnswerKind.updated, revision: index, detail: version };
  }

  #delete(index: number, rowKey: StateKey, old: Uint8Array | undefined): CompactAnswer {
    if (old === undefined) return { kind: AnswerKind.notThere, revision: index, detail: 0 };
    this.#records.remove(rowKey, old, index);
    return { kind: AnswerKind.deleted, revision: index, detail: 0 };
  }

  #applyProgramCommand(index: number, data: Uint8Array): Answer {
    const command = viewProgramCommand(data);
    const { kind, attempt, idAt, fingerprintHigh, fingerprintLow } = command;
    this.#advance(command.timeMs);
    this.#deletions.begin(index);
    if (kind === 'expire') return this.#expire(index, command.keys);
    const known = this.#dedup.find(data, idAt, attempt);
    if (known !== undefined) return replayedAnswer(known, command);
    const refusal = this.#refusalOfUnknown(command);
    if (refusal !== undefined) return refusal;
    const answer = this.#run(index, command.program);
    const inserted = { attempt, clockMs: this.#clockMs, entry: { revision: index, fingerprintHigh, fingerprintLow } };
    this.#dedup.insertProgram(data, idAt, inserted, answer, () => withoutResults(answer));
    return programAnswer(index, answer, false);
  }

  #run(index: number, program: Program): Uint8Array {
    const evaluation = this.#evaluation(program, index, () => false);
    const outcome = evaluation.run(program);
    if ('code' in outcome) return encodeOutcome(outcome);
    evaluation.commit();
    return encodeOutcome({ ...outcome, lastDeletion: this.#deletions.last, omitted: false });
  }

  #evaluation(program: Program, revision: number, isHeld: (rowKey: StateKey) => boolean): Evaluation {
    const context = { records: this.#records, deletions: this.#deletions, clockMs: this.#clockMs, revision, isHeld };
    return new Evaluation(context, program.valueLimit);
  }

  /** Keys that are not due any more, or not yet, stay. */
  #expire(index: number, keys: readonly Uint8Array[]): Answer {
    for (const key of keys) {
      const rowKey = rowKeyOf(key);
      const row = this.#records.get(rowKey);
      if (row !== undefined && isDue(row, this.#clockMs)) this.#records.remove(rowKey, row, index);
    }
    return { type: 'delete', deleted: true, revision: index, replayed: false };
  }

  #metaRow(): Uint8Array {
    const { high: hashHigh, low: hashLow } = this.#records.hash;
    return encodeMeta({
      clockMs: this.#clockMs,
      keys: this.#records.count,
      hashHigh,
      hashLow,
      dedup: this.#dedup.state(),
      deletions: this.#deletions.state(),
      deadlines: this.#expiry.count,
    });
  }
}

function withoutResults(answer: Uint8Array): Uint8Array {
  const outcome = decodeOutcome(answer);
  if ('code' in outcome) return encodeOutcome({ ...outcome, message: outcome.message.slice(0, 200) });
  return encodeOutcome({ ...outcome, results: [], omitted: true });
}

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

type Fingerprint = Pick<DedupEntry, 'fingerprintHigh' | 'fingerprintLow'>;

function replayedAnswer(known: FoundEntry, command: Fingerprint): Answer {
  const same = known.fingerprintHigh === command.fingerprintHigh && known.fingerprintLow === command.fingerprintLow;
  if (!same) return refuse('idempotency-key-reused');
  return known.answer === undefined ? answerOf(known, true) : programAnswer(known.revision, known.answer, true);
}

function programAnswer(revision: number, outcome: Uint8Array, replayed: boolean): Answer {
  return { type: 'program', revision, outcome, replayed };
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
    case AnswerKind.program:
      throw new StorageCorruption('the answer of a program has no row');
  }
}

const rowKeyBytes = Buffer.alloc(1 + MAX_ENCODED_KEY_BYTES);
const SHORT_KEY = 48;

function rowKeyOf(key: Uint8Array): StateKey {
  const length = key.length;
  if (length > SHORT_KEY) rowKeyBytes.set(key, 1);
  else for (let at = 0; at < length; at += 1) rowKeyBytes[at + 1] = key[at] ?? 0;
  return binaryString(rowKeyBytes, 0, length + 1);
}
