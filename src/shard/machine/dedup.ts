/**
 * The dedup tables of a shard, and the answers of programs, which are too long for their slots.
 *
 * An operation id is in the table of its kind, so that one kind cannot push out another:
 * - `unkeyed`: ids that a router made for one write. Whoever does not ask for the first time is looked for in all three:
 *   a client may repeat under the id that a router told it, and routers of earlier builds do not say who made an id.
 * - `timed`: a client's version 7 ids. One that is unknown, and not newer than what was evicted, may have been applied.
 * - `untimed`: a client's ids that do not say when they were made, or say a time to come. Nothing about an unknown one
 *   could be known after an eviction; so none is evicted before its window ends, and when there is no room for another
 *   one, that is refused before it is applied.
 *
 * The answer of a program is kept beside its table (`kept-answers.ts`), up to `MAX_KEPT_ANSWER_BYTES` and, in all,
 * `MAX_ANSWERS_BYTES`; of a longer one, only what is left of it without its results.
 */
import { refuse } from '../errors.js';
import { isKeyed, type Attempt, type Refusal } from '../operation.js';
import { isRouters } from '../router-id.js';
import { MAX_KEPT_ANSWER_BYTES } from '../program-codec.js';
import { operationTimeMs } from './command.js';
import { AnswerKind, DedupTable, type DedupEntry, type DedupTableState } from './dedup-table.js';
import { KeptAnswers } from './kept-answers.js';
import type { StateStore } from './state-store.js';

export interface DedupOptions {
  /** Entries per table of the ids that routers make. */
  readonly maxEntries: number;
  /** Entries per table of the ids that clients choose, for each of the two. */
  readonly maxKeyedEntries: number;
  readonly windowMs: number;
}

/** Bytes of such answers, per shard. */
export const MAX_ANSWERS_BYTES = 16 * 1024 * 1024;
/** A creation time further ahead of the entry's own is no creation time. */
const MAX_AHEAD_MS = 1_000;

const SPACES = { unkeyed: '\u0001', timed: '\u0007', untimed: '\u0009' } as const;
type Kind = keyof typeof SPACES;
const KINDS: readonly Kind[] = ['unkeyed', 'timed', 'untimed'];

/** An entry that was found. */
export interface FoundEntry extends DedupEntry {
  /** The answer of a program, as it was given to `insert`. */
  readonly answer: Uint8Array | undefined;
}

export interface DedupState {
  readonly unkeyed: DedupTableState;
  readonly timed: DedupTableState;
  readonly untimed: DedupTableState;
  readonly answerBytes: number;
}

export class Dedup {
  readonly #tables: Readonly<Record<Kind, DedupTable>>;
  /** `#tables.unkeyed`, on the path of every plain write. */
  readonly #unkeyed: DedupTable;
  readonly #answers: Readonly<Record<Kind, KeptAnswers>>;
  readonly #windowMs: number;
  #answerBytes = 0;
  /** Before this time nothing is as old as the window. */
  #nextExpiryMs = 0;

  constructor(store: StateStore, { maxEntries, maxKeyedEntries, windowMs }: DedupOptions) {
    this.#windowMs = windowMs;
    const table = (kind: Kind): DedupTable =>
      new DedupTable(store, {
        space: SPACES[kind],
        maxEntries: kind === 'unkeyed' ? maxEntries : maxKeyedEntries,
        windowMs,
        onEvict: (sequence, answerKind, detail) => {
          if (answerKind !== AnswerKind.program) return;
          this.#answers[kind].evicted(sequence);
          this.#answerBytes -= detail;
        },
      });
    const answers = (kind: Kind): KeptAnswers => new KeptAnswers(store, SPACES[kind]);
    this.#answers = { unkeyed: answers('unkeyed'), timed: answers('timed'), untimed: answers('untimed') };
    this.#unkeyed = table('unkeyed');
    this.#tables = { unkeyed: this.#unkeyed, timed: table('timed'), untimed: table('untimed') };
  }

  get size(): number {
    return KINDS.reduce((size, kind) => size + this.#tables[kind].size, 0);
  }

  /** No id that a client chose was ever inserted by its kind. */
  get isUnkeyedOnly(): boolean {
    const { timed, untimed } = this.#tables;
    return timed.tail === 0 && untimed.tail === 0 && this.#answerBytes === 0;
  }

  /** The entry of the id at `data[idAt..]`. */
  find(data: Uint8Array, idAt: number, attempt: Attempt): FoundEntry | undefined {
    if (attempt === 'initial') return this.#found('unkeyed', this.#unkeyed.find(data, idAt), data, idAt);
    const { unkeyed, timed, untimed } = this.#tables;
    return (
      this.#found('timed', timed.find(data, idAt), data, idAt) ??
      this.#found('untimed', untimed.find(data, idAt), data, idAt) ??
      this.#found('unkeyed', unkeyed.find(data, idAt), data, idAt)
    );
  }

  /** How to treat an unknown id that a client chose: it is new, may have been evicted, or finds no room. */
  judgeKeyed(data: Uint8Array, idAt: number, clockMs: number): 'new' | 'evicted' | 'no-room' {
    const timeMs = operationTimeMs(data, idAt);
    const { timed, untimed } = this.#tables;
    // It may have been applied without a key: a router told the client its id.
    if (isRouters(data, idAt) && this.#unkeyed.mayHaveEvicted(timeMs)) return 'evicted';
    if (isTimed(timeMs, clockMs)) return timed.mayHaveEvicted(timeMs) ? 'evicted' : 'new';
    return untimed.isFullOfYoung(clockMs) ? 'no-room' : 'new';
  }

  /** The refusal that `judgeKeyed` amounts to. */
  refusalOfKeyed(data: Uint8Array, idAt: number, clockMs: number): Refusal | undefined {
    switch (this.judgeKeyed(data, idAt, clockMs)) {
      case 'new':
        return undefined;
      case 'evicted':
        return refuse('idempotency-key-expired');
      case 'no-room':
        return refuse('overloaded', 'too many idempotency keys that are no version 7 UUIDs are kept');
    }
  }

  /** As `DedupTable.mayHaveEvicted`, for ids of which the sender does not say who made them. */
  mayHaveEvicted(timeMs: number | undefined): boolean {
    return this.#unkeyed.mayHaveEvicted(timeMs) || this.#tables.timed.mayHaveEvicted(timeMs);
  }

  /** Inserts the id at `data[idAt..]`, which must not be known. */
  insert(data: Uint8Array, idAt: number, attempt: Attempt, clockMs: number, entry: DedupEntry): void {
    if (!isKeyed(attempt)) this.#unkeyed.insert(data, idAt, clockMs, entry);
    else this.#tables[kindOf(attempt, operationTimeMs(data, idAt), clockMs)].insert(data, idAt, clockMs, entry);
  }

  /**
   * Inserts the id of a program. `answer`: what a replay gets, not to be written to any more; `shortened` is what is
   * kept where the answer is too long.
   */
  insertProgram(
    data: Uint8Array,
    idAt: number,
    inserted: {
      readonly attempt: Attempt;
      readonly clockMs: number;
      readonly entry: Omit<DedupEntry, 'kind' | 'detail'>;
    },
    answer: Uint8Array,
    shortened: () => Uint8Array,
  ): void {
    const { attempt, clockMs, entry } = inserted;
    const fits = answer.length <= MAX_KEPT_ANSWER_BYTES && this.#answerBytes + answer.length <= MAX_ANSWERS_BYTES;
    const kept = fits ? answer : shortened();
    const kind = kindOf(attempt, operationTimeMs(data, idAt), clockMs);
    const { revision, fingerprintHigh, fingerprintLow } = entry;
    const slot = { kind: AnswerKind.program, revision, detail: kept.length, fingerprintHigh, fingerprintLow };
    this.#answers[kind].add(this.#tables[kind].tail, kept);
    this.#tables[kind].insert(data, idAt, clockMs, slot);
    this.#answerBytes += kept.length;
  }

  evictExpired(clockMs: number): void {
    if (clockMs < this.#nextExpiryMs) return;
    this.#unkeyed.evictExpired(clockMs);
    this.#tables.timed.evictExpired(clockMs);
    this.#tables.untimed.evictExpired(clockMs);
    // What is inserted from now on is not older than this entry.
    const next = KINDS.map((kind) => this.#tables[kind].nextExpiryMs);
    this.#nextExpiryMs = Math.min(clockMs + this.#windowMs, ...next);
  }

  flush(): void {
    for (const kind of KINDS) {
      this.#tables[kind].flush();
      this.#answers[kind].flush(this.#tables[kind].head);
    }
  }

  state(): DedupState {
    const { unkeyed, timed, untimed } = this.#tables;
    const answerBytes = this.#answerBytes;
    return { unkeyed: unkeyed.state(), timed: timed.state(), untimed: untimed.state(), answerBytes };
  }

  /** @throws StorageCorruption if the rows do not match `state` */
  load(state: DedupState): void {
    for (const kind of KINDS) {
      this.#tables[kind].load(state[kind]);
      this.#answers[kind].load();
    }
    this.#answerBytes = state.answerBytes;
    this.#nextExpiryMs = 0;
  }

  #found(kind: Kind, entry: DedupEntry | undefined, data: Uint8Array, idAt: number): FoundEntry | undefined {
    if (entry === undefined) return undefined;
    if (entry.kind !== AnswerKind.program) return { ...entry, answer: undefined };
    return { ...entry, answer: this.#answers[kind].get(this.#tables[kind].sequenceOf(data, idAt)) };
  }
}

const isTimed = (timeMs: number | undefined, clockMs: number): timeMs is number =>
  timeMs !== undefined && timeMs <= clockMs + MAX_AHEAD_MS;

function kindOf(attempt: Attempt, timeMs: number | undefined, clockMs: number): Kind {
  if (!isKeyed(attempt)) return 'unkeyed';
  return isTimed(timeMs, clockMs) ? 'timed' : 'untimed';
}
