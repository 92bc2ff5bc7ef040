/**
 * A reference for every shard: its committed entries, each applied once and in order as soon as some node regards it as
 * committed, to a state machine that is never restarted, checkpointed or replaced by a snapshot, and that no clock reaches.
 *
 * - It has the state that every replica must have at that index (`invariant-checker.ts` compares hashes).
 * - A ledger: no operation id that says that it may be a repeat is decided twice.
 * - No key goes by an `expire` entry before its deadline, by replicated time.
 * - It knows when the replicated time of a shard passed which moment, and so from when on a key can have expired: no replica
 *   can have applied what this has not. So histories need no tolerance (`history.ts`), whatever the clocks do; that
 *   replicated time itself does not run ahead is checked by `time-checker.ts`.
 */
import { EntryKind, InvariantViolation, type Entry, type GroupId } from '../raft/index.js';
import {
  KvMachine,
  shardOfKey,
  stringKey,
  viewEntry,
  type Answer,
  type EntryView,
  type ReplicaView,
} from '../shard/index.js';
import type { Mark } from './marks.js';
import { PlainStore } from './plain-store.js';
import { keyNames } from './programs.js';
import type { Scenario } from './scenario.js';
import { ShardHistory } from './shard-history.js';

/** A key with a deadline. */
export interface Armed {
  readonly name: string;
  /** Encoded. */
  readonly key: Uint8Array;
  readonly deadlineMs: number;
  readonly revision: number;
  readonly createRevision: number;
  /** Term of the entry that wrote it. */
  readonly term: number;
  /** Replicated and virtual time when it was written. */
  readonly writtenMs: number;
  readonly atMs: number;
}

interface Shard {
  readonly machine: KvMachine;
  readonly history: ShardHistory | undefined;
  readonly keys: readonly { readonly name: string; readonly key: Uint8Array }[];
  readonly armed: Map<string, Armed>;
  /** By operation id: index of the entry that decided it. */
  readonly decided: Map<string, number>;
  /** To be called when replicated time has reached a moment. */
  waits: { readonly timeMs: number; readonly reached: () => void }[];
  applied: number;
}

export interface ReferenceOptions {
  readonly scenario: Pick<
    Scenario,
    'dedupEntries' | 'keyedEntries' | 'patience' | 'keys' | 'counters' | 'clients' | 'shards'
  >;
  /** Virtual time, ms. */
  readonly now: () => number;
  readonly reached: (mark: Mark) => void;
  /** The hash of a shard's state after the entry at `index`. */
  readonly onState: (group: GroupId, index: number, hash: string) => void;
}

export class Reference {
  readonly #options: ReferenceOptions;
  readonly #shards = new Map<GroupId, Shard>();
  #keepsHistory = false;

  constructor(options: ReferenceOptions) {
    this.#options = options;
  }

  /** Must be called after every event at a node. */
  inspect(replicas: Iterable<ReplicaView>): void {
    for (const { id, raft } of replicas) {
      if (id === 0) continue;
      const shard = this.#shard(id);
      for (let index = shard.applied + 1; index <= raft.log.commit; index++) {
        const entry = raft.log.entryAt(index);
        if (entry === undefined) break;
        this.#apply(id, shard, entry);
      }
    }
  }

  /** Replicated time of a shard; 0 if nothing was written yet. */
  timeOf(shard: number): number {
    return this.#shard(shard + 1).machine.replicatedTimeMs;
  }

  /** Calls `reached` once, when the replicated time of the shard has reached `timeMs`. */
  whenTime(shard: number, timeMs: number, reached: () => void): void {
    this.#shard(shard + 1).waits.push({ timeMs, reached });
  }

  /** The keys with a deadline, by group. */
  *armed(): Iterable<readonly [GroupId, Armed]> {
    for (const [group, { armed }] of this.#shards) for (const one of armed.values()) yield [group, one];
  }

  /** What a shard held after each of its entries. Must be called for the first time before anything is applied. */
  historyOf(shard: number): ShardHistory {
    this.#keepsHistory = true;
    const { history } = this.#shard(shard + 1);
    if (history === undefined) throw new Error(`the history of shard ${shard} was not kept from the beginning`);
    return history;
  }

  appliedOf(group: GroupId): number {
    return this.#shard(group).applied;
  }

  isArmed(group: GroupId, key: Uint8Array): boolean {
    return this.#shard(group).machine.get(key)?.expiresAtMs !== undefined;
  }

  /** As of the newest entry that was applied; 0: the key is absent. */
  revisionOf(group: GroupId, key: Uint8Array): number {
    return this.#shard(group).machine.get(key)?.revision ?? 0;
  }

  #apply(group: GroupId, shard: Shard, entry: Entry): void {
    const { machine, history } = shard;
    const { index } = entry;
    shard.applied = index;
    if (entry.kind === EntryKind.command) {
      const before = machine.replicatedTimeMs;
      const answer = machine.apply(index, entry.data);
      const view = viewEntry(entry.data);
      history?.onApplied(index, view, answer, machine);
      this.#ledger(group, shard, index, view, answer);
      if (view.isProgram || shard.armed.size > 0) this.#deadlines(group, shard, entry, view);
      if (machine.replicatedTimeMs > before) this.#passed(shard);
    }
    this.#options.onState(group, index, machine.stateHash());
  }

  #ledger(group: GroupId, { decided }: Shard, index: number, view: EntryView, answer: Answer | undefined): void {
    const { reached } = this.#options;
    // All that is said about one transaction has one id (`transaction-checker.ts`).
    if (answer === undefined || view.kind === 'expire' || view.kind === 'transaction') return;
    const isKeyed = view.attempt === 'keyed' || view.attempt === 'keyed-retry';
    if (answer.type === 'refused') {
      if (answer.code === 'idempotency-key-expired' && isKeyed) reached('keyed-id-evicted');
      if (answer.code === 'overloaded') reached('keyed-id-without-room');
      if (!DECISIONS.has(answer.code)) return;
    }
    if ('replayed' in answer && answer.replayed) {
      if (answer.type === 'program') reached('program-replayed');
      return;
    }
    const earlier = decided.get(view.operationId);
    // What claims to be the first attempt may arrive after a later one was decided and forgotten.
    const mayRepeat = isKeyed || view.attempt === 'retry';
    if (earlier !== undefined && mayRepeat) {
      throw new InvariantViolation(`group ${group}: the operation of entry ${index} was decided by ${earlier} already`);
    }
    decided.set(view.operationId, index);
  }

  #deadlines(group: GroupId, { machine, keys, armed }: Shard, entry: Entry, { kind }: EntryView): void {
    const { now, reached } = this.#options;
    const clockMs = machine.replicatedTimeMs;
    for (const { name, key } of keys) {
      const before = armed.get(name);
      const record = machine.get(key);
      const isGone = before !== undefined && record?.createRevision !== before.createRevision;
      if (isGone && kind === 'expire') {
        if (before.deadlineMs > clockMs) {
          const early = before.deadlineMs - clockMs;
          throw new InvariantViolation(`group ${group}: entry ${entry.index} expires ${name} ${early} ms early`);
        }
        reached(entry.term > before.term ? 'expired-by-later-leader' : 'expired-by-entry');
      } else if (isGone && before.deadlineMs <= clockMs) reached('expired-by-write');
      const { expiresAtMs: deadlineMs } = record ?? {};
      if (record === undefined || deadlineMs === undefined) armed.delete(name);
      else if (before?.revision !== record.revision) {
        const { revision, createRevision } = record;
        const written = { term: entry.term, writtenMs: clockMs, atMs: now() };
        armed.set(name, { name, key, deadlineMs, revision, createRevision, ...written });
      }
    }
  }

  #passed(shard: Shard): void {
    if (shard.waits.length === 0) return;
    const { replicatedTimeMs } = shard.machine;
    const due = shard.waits.filter(({ timeMs }) => timeMs <= replicatedTimeMs);
    if (due.length === 0) return;
    shard.waits = shard.waits.filter(({ timeMs }) => timeMs > replicatedTimeMs);
    for (const { reached } of due) reached();
  }

  #shard(group: GroupId): Shard {
    let shard = this.#shards.get(group);
    if (shard === undefined) {
      const { scenario } = this.#options;
      const { dedupEntries, keyedEntries, patience, shards } = scenario;
      const windowMs = patience && { windowMs: patience.dedupWindowMs };
      const limits = { maxDedupEntries: dedupEntries, maxKeyedEntries: keyedEntries, ...windowMs };
      const keys = keyNames(scenario).map((name) => ({ name, key: stringKey(name) }));
      const history = this.#keepsHistory ? new ShardHistory() : undefined;
      shard = {
        machine: new KvMachine(new PlainStore(history?.onChange), limits),
        history,
        keys: keys.filter(({ key }) => shardOfKey(key, shards) === group - 1),
        armed: new Map(),
        decided: new Map(),
        waits: [],
        applied: 0,
      };
      shard.machine.load();
      this.#shards.set(group, shard);
    }
    return shard;
  }
}

/** Refusals that are the result of a write, and inserted into the dedup table like one. */
const DECISIONS: ReadonlySet<string> = new Set(['precondition-failed']);
