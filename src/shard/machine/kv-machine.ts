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
 * - `client-keyed`: written by builds before feature level 3, for `keyed`: new, or a client's retry. Refused as expired
 *   if its id was created both before `EXPIRY_SHARE` of the window, by replicated time, and not after the watermark. So
 *   a client's retry after its entry was evicted for its age is never applied twice, as long as the clock that created
 *   the id was at most a third of the window ahead of the leader's (5 minutes of 15); and a new write is never refused
 *   as long as that clock is at most two thirds behind (10 minutes) or, however far behind it is, no later id has been
 *   evicted. If replicated time is ahead of real time, because a clock was, and ids created by such a clock are
 *   evicted, new `client-keyed` writes are refused until both are level again (`node/replicated-clock.ts`). Not
 *   covered, and applied again: ids of other versions, and entries that were evicted early because of more than
 *   `maxDedupEntries` writes within the window.
 *
 * A refusal as expired has the outcome `unknown`: an earlier attempt may have been applied. Programs (`evaluation.ts`)
 * are applied like plain writes, and their answers are inserted as well.
 *
 * First characters of row keys: '\0' records, '\u0001' '\u0007' '\u0009' pages of the dedup tables, '\u0002' the meta row,
 * '\u0003' transactions over several shards, '\u0004' the expiry index, '\u0005' namespaces, '\u000a' deletions,
 * '\u000b' answers of programs.
 */
import type { StateKey } from '../../raft/index.js';
import { answerOf, holds, programAnswer, replayedAnswer, withoutResults } from './answers.js';
import { AnswerKind, type CompactAnswer } from './dedup-table.js';
import { binaryString } from '../big-endian.js';
import {
  commandLayoutOf,
  operationTimeMs,
  viewCommand,
  viewProgramCommand,
  type CommandView,
  type ProgramCommandView,
} from './command.js';
import { Dedup } from './dedup.js';
import { Deletions } from './deletions.js';
import { refuse } from '../errors.js';
import { Evaluation, isDue, type EvaluationContext } from './evaluation.js';
import { ExpiryIndex } from './expiry-index.js';
import { readKeyPage } from './key-page.js';
import { hash64, hex64 } from '../keys/index.js';
import { OPERATION_ID_BYTES, isTooLong } from '../bounds.js';
import type { List, ListPage } from '../list.js';
import {
  DEFAULT_MAX_DEDUP_ENTRIES,
  DEFAULT_MAX_KEYED_ENTRIES,
  DEFAULT_WINDOW_MS,
  type KvMachineOptions,
} from './kv-options.js';
import { locksOf } from './lock-needs.js';
import type { LockSet, Locks } from './locks.js';
import { isKeyed, type Answer, type KeyRecord, type KvRead, type Refusal } from '../operation.js';
import { decodeProgram, encodeOutcome } from '../program-codec.js';
import type { Program } from '../program.js';
import { createRevisionOf, decodeRecord, encodeRecord, revisionOf, versionOf } from './record-row.js';
import { Records } from './records.js';
import { Namespaces } from './namespaces.js';
import { keysOf, rowKeyOf } from './row-keys.js';
import { META_KEY, decodeMeta, encodeMeta } from './shard-meta.js';
import type { StateStore } from './state-store.js';
import type { OpenTransaction } from '../transaction.js';
import { TransactionAnswer } from './transaction-answer.js';
import { Transactions } from './transactions.js';

const EXPIRY_SHARE = 2 / 3;

export class KvMachine {
  readonly #dedup: Dedup;
  readonly #windowMs: number;
  #clockMs = 0;
  readonly #expiry: ExpiryIndex;
  readonly #deletions: Deletions;
  readonly #namespaces: Namespaces;
  readonly #records: Records;
  readonly #transactions: Transactions;
  readonly #locks: Locks;
  readonly #store: StateStore;
  readonly #isHeld = (rowKey: StateKey): boolean => this.#locks.isHeld(rowKey);

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
    this.#namespaces = new Namespaces(store);
    this.#records = new Records(store, this.#expiry, this.#deletions, this.#namespaces);
    this.#transactions = new Transactions({
      store,
      dedup: this.#dedup,
      evaluation: (given) => this.#evaluation(given),
      lastDeletion: () => this.#deletions.last,
    });
    this.#locks = this.#transactions.locks;
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

  get keepsDeletions(): boolean {
    return this.#deletions.isKept;
  }

  /** No key is due before this time, in ms of replicated time; infinite if none has a deadline. */
  get earliestExpiryMs(): number {
    return this.#expiry.earliestMs;
  }

  /**
   * Keys that are due at `nowMs`, the earliest first, for an entry that expires them; without those that a transaction
   * holds.
   */
  dueKeys(nowMs: number, limit: number): Uint8Array[] {
    const due = this.#expiry.due(nowMs, limit + this.#locks.size);
    const free = due.filter((rowKey) => !this.#locks.isHeld(rowKey)).slice(0, limit);
    return free.map((rowKey) => Buffer.from(rowKey.slice(1), 'latin1'));
  }

  /** Transactions over several shards in which this one takes part, until they are forgotten. */
  openTransactions(): readonly OpenTransaction[] {
    return this.#transactions.size === 0 ? NO_TRANSACTIONS : this.#transactions.open();
  }

  /** Rises whenever a transaction lets go of keys. */
  get releases(): number {
    return this.#transactions.releases;
  }

  /** Transactions that write something which the read would see; undefined: none. */
  writersFor(read: KvRead): readonly string[] | undefined {
    if (this.#locks.size === 0) return undefined;
    // A later page of a stream reads a state from before these locks.
    if (read.type === 'list' && read.view !== undefined && read.view.id !== 0) return undefined;
    const writers =
      read.type === 'list'
        ? this.#locks.writersBetween(rowKeyOf(read.from), read.to && rowKeyOf(read.to))
        : this.#locks.writersOf(keysOf(read).map(rowKeyOf));
    return writers.length === 0 ? undefined : writers;
  }

  /** Whether transactions hold keys in a way that excludes this. */
  excludes(needs: LockSet): boolean {
    return this.#locks.conflicts(needs);
  }

  /** Whether the transaction still holds keys. */
  holds(writer: string): boolean {
    return this.#transactions.holds(writer);
  }

  /**
   * Applies the entry at `index`; once per entry, in order.
   * @returns undefined: a transaction holds a key that it needs, so nothing was changed or inserted. The leader may
   *   propose it again when the key is let go (`releases`).
   * @throws MalformedCommand if this version cannot decode the entry. The state is then unchanged, and the replica must
   *   stop: other replicas may have applied it.
   */
  apply(index: number, data: Uint8Array): Answer | undefined {
    if (commandLayoutOf(data) === 'program') return this.#applyProgramCommand(index, data);
    const command = viewCommand(data);
    this.#advance(command.timeMs);
    const known = this.#dedup.find(data, command.idAt, command.attempt);
    if (known !== undefined) return replayedAnswer(known, command);
    const refusal = this.#refusalOfUnknown(command);
    if (refusal !== undefined) return refusal;
    const rowKey = binaryString(data, command.rowKeyAt, command.contentTypeAt);
    if (this.#locks.size !== 0 && this.#locks.isHeld(rowKey)) return undefined;
    const answer = this.#write(index, command, rowKey);
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
    if (isTooLong(key)) return undefined;
    const row = this.#records.get(rowKeyOf(key));
    return row === undefined ? undefined : decodeRecord(row);
  }

  /** The outcome of a program that only reads, on the state as it is. */
  read(body: Uint8Array, revision: number): Uint8Array {
    const program = decodeProgram(body);
    const evaluation = this.#evaluation({
      index: revision,
      revision,
      clockMs: this.#clockMs,
      isHeld: () => true,
      valueLimit: program.valueLimit,
    });
    const outcome = evaluation.run(program);
    if ('code' in outcome) return encodeOutcome(outcome);
    return encodeOutcome({ ...outcome, lastDeletion: this.#deletions.last, omitted: false });
  }

  list(list: List): ListPage {
    return list.content === 'namespaces' ? this.#namespaces.list(list) : readKeyPage(this.#store, list);
  }

  /** Whether the namespace of the key exists. */
  hasNamespace(key: Uint8Array): boolean {
    return this.#namespaces.of(key) !== undefined;
  }

  /** 16 hex digits; equal on all replicas at the same applied index. */
  stateHash(): string {
    const { high, low } = hash64(this.#metaRow());
    return hex64(high, low);
  }

  /** Writes all in-memory state into rows. To be called before every checkpoint. */
  flush(): void {
    for (const part of [this.#dedup, this.#deletions, this.#transactions]) part.flush();
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
    this.#transactions.load(meta.transactions);
    this.#namespaces.load(meta.namespaces);
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
    if (isKeyed(attempt)) return this.#dedup.refusalOfKeyed(data, idAt, this.#clockMs);
    const timeMs = operationTimeMs(data, idAt);
    if (!this.#dedup.mayHaveEvicted(timeMs)) return undefined;
    if (attempt === 'retry') return refuse('idempotency-key-expired');
    const isOld = timeMs !== undefined && timeMs < this.#clockMs - this.#windowMs * EXPIRY_SHARE;
    return isOld ? refuse('idempotency-key-expired') : undefined;
  }

  #write(index: number, command: CommandView, rowKey: StateKey): CompactAnswer {
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

  #applyProgramCommand(index: number, data: Uint8Array): Answer | undefined {
    const command = viewProgramCommand(data);
    const { kind, attempt, idAt, fingerprintHigh, fingerprintLow } = command;
    this.#advance(command.timeMs);
    this.#deletions.begin(index);
    if (kind === 'expire') return this.#expire(index, command.keys);
    if (kind === 'transaction') return this.#applyTransaction(index, command);
    const known = this.#dedup.find(data, idAt, attempt);
    if (known !== undefined) return replayedAnswer(known, command);
    const refusal = this.#refusalOfUnknown(command);
    if (refusal !== undefined) return refusal;
    if (this.#locks.size !== 0 && this.#locks.conflicts(locksOf(command.program))) return undefined;
    const answer = this.#run(index, command.program);
    const inserted = { attempt, clockMs: this.#clockMs, entry: { revision: index, fingerprintHigh, fingerprintLow } };
    this.#dedup.insertProgram(data, idAt, inserted, answer, () => withoutResults(answer));
    return programAnswer(index, answer, false);
  }

  #run(index: number, program: Program): Uint8Array {
    const evaluation = this.#evaluation({
      index,
      revision: index,
      clockMs: this.#clockMs,
      isHeld: this.#isHeld,
      valueLimit: program.valueLimit,
    });
    const outcome = evaluation.run(program);
    if ('code' in outcome) return encodeOutcome(outcome);
    evaluation.commit();
    const { succeeded, results } = outcome;
    return encodeOutcome({ succeeded, results, lastDeletion: this.#deletions.last, omitted: false });
  }

  #evaluation(given: Omit<EvaluationContext, 'records' | 'deletions'> & { readonly valueLimit: number }): Evaluation {
    // Field by field: a spread would take a good part of the time of a small program.
    const { index, revision, clockMs, isHeld, answerLimit, valueLimit } = given;
    const [records, deletions] = [this.#records, this.#deletions];
    return new Evaluation({ records, deletions, index, revision, clockMs, isHeld, answerLimit }, valueLimit);
  }

  #applyTransaction(index: number, command: ProgramCommandView): Answer | undefined {
    const { data, idAt, attempt, transaction: message, body } = command;
    const id = data.subarray(idAt, idAt + OPERATION_ID_BYTES);
    const isRepeated = attempt === 'retry';
    const reply = this.#transactions.apply({ index, clockMs: this.#clockMs, isRepeated }, { id, message, body });
    return reply && new TransactionAnswer(index, reply);
  }

  /** Keys that are not due any more, or not yet, stay; so do those that a transaction holds. */
  #expire(index: number, keys: readonly Uint8Array[]): Answer {
    // All are read before the first is removed, so each must be named once.
    const rowKeys = [...new Set(keys.map(rowKeyOf))];
    for (const [at, row] of this.#records.getAll(rowKeys).entries()) {
      const rowKey = rowKeys[at] ?? '';
      if (row === undefined || !isDue(row, this.#clockMs) || this.#locks.isHeld(rowKey)) continue;
      this.#records.remove(rowKey, row, index);
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
      transactions: this.#transactions.state(),
      namespaces: this.#namespaces.state(),
    });
  }
}

const NO_TRANSACTIONS: readonly OpenTransaction[] = [];
