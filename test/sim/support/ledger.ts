/**
 * What a store was asked for since it was opened, and what of it was acknowledged: says which contents a crash may leave.
 *
 * The writes (commits and installs) that survive are the first so many of them, at least those acknowledged. A
 * checkpoint that survives has all writes before it on the disk too, and is there for the first so many of its groups,
 * for all if it was acknowledged. On a disk that was full a checkpoint may overtake writes that wait for room, since it
 * is what makes room: there it may survive without those before it that were not acknowledged.
 */
import type { Entry, HardState, SnapshotMeta } from '../../../src/raft/types.js';

type Position = Pick<SnapshotMeta, 'index' | 'term'>;

export interface GroupContent {
  readonly hardState: HardState;
  readonly snapshot: Position;
  /** Terms of the entries behind the snapshot. */
  readonly log: readonly Pick<Entry, 'index' | 'term'>[];
  readonly state: Readonly<Record<string, string>>;
}
export type Content = Readonly<Record<number, GroupContent>>;

export interface WritePart {
  readonly group: number;
  readonly hardState: HardState | undefined;
  readonly entries: readonly Pick<Entry, 'index' | 'term'>[];
  /** Of an install: what takes the place of state and log. */
  readonly reset?: { readonly to: Position; readonly state: Readonly<Record<string, string>> };
}

export interface CheckpointPart {
  readonly group: number;
  readonly to: Position;
  readonly rows: Readonly<Record<string, string | undefined>>;
}

type Asked =
  | { readonly type: 'write'; readonly parts: readonly WritePart[]; isAcknowledged: boolean }
  | { readonly type: 'checkpoint'; readonly parts: readonly CheckpointPart[]; isAcknowledged: boolean };

const NOTHING: GroupContent = {
  hardState: { term: 0, vote: 0, commit: 0 },
  snapshot: { index: 0, term: 0 },
  log: [],
  state: {},
};

type Checkpoint = Extract<Asked, { readonly type: 'checkpoint' }>;

const isOpenCheckpoint = (asked: Asked): asked is Checkpoint => asked.type === 'checkpoint' && !asked.isAcknowledged;

const firstOf = (checkpoint: Checkpoint, groups: number): Checkpoint => ({
  ...checkpoint,
  parts: checkpoint.parts.slice(0, groups),
});

export class Ledger {
  #base: Content = {};
  #asked: Asked[] = [];
  #wasFull = false;

  write(parts: readonly WritePart[]): () => void {
    return this.#ask({ type: 'write', parts, isAcknowledged: false });
  }

  checkpoint(parts: readonly CheckpointPart[]): () => void {
    return this.#ask({ type: 'checkpoint', parts, isAcknowledged: false });
  }

  /** Returns what is to be called when it is acknowledged. */
  #ask(asked: Asked): () => void {
    this.#asked.push(asked);
    return () => {
      asked.isAcknowledged = true;
    };
  }

  /** From now until the next start a checkpoint may overtake writes. */
  diskIsFull(): void {
    this.#wasFull = true;
  }

  get writesUnderWay(): number {
    return this.#asked.filter(({ type, isAcknowledged }) => type === 'write' && !isAcknowledged).length;
  }

  /** If everything that was asked for is there. */
  get full(): Content {
    return this.#contentOf(this.#asked.filter((asked) => asked.isAcknowledged || asked.type === 'write'));
  }

  /** Everything that may be there after a crash. */
  allowed(): Content[] {
    const acknowledged = this.#asked.findLastIndex((asked) => asked.type === 'write' && asked.isAcknowledged);
    const contents: Content[] = [];
    for (let end = acknowledged + 1; end <= this.#asked.length; end++) {
      const rest = this.#asked.slice(end);
      // An acknowledged checkpoint is there, and so is every write before it, unless it overtook them.
      if (!this.#wasFull && rest.some(({ type, isAcknowledged }) => type === 'checkpoint' && isAcknowledged)) continue;
      const overtaking = this.#wasFull ? rest.filter(({ type }) => type === 'checkpoint') : [];
      const until = [...this.#asked.slice(0, end), ...overtaking];
      const groups = Math.max(0, ...until.filter(isOpenCheckpoint).map(({ parts }) => parts.length));
      for (let survive = 0; survive <= groups; survive++) {
        contents.push(
          this.#contentOf(until.map((asked) => (isOpenCheckpoint(asked) ? firstOf(asked, survive) : asked))),
        );
      }
    }
    return contents;
  }

  /** What a start has found: from here it goes on. */
  restart(found: Content): void {
    this.#base = found;
    this.#asked = [];
    this.#wasFull = false;
  }

  #contentOf(asked: readonly Asked[]): Content {
    const groups: Record<number, GroupContent> = { ...this.#base };
    for (const one of asked) {
      for (const part of one.parts) {
        const before = groups[part.group] ?? NOTHING;
        groups[part.group] = 'rows' in part ? checkpointed(before, part) : written(before, part);
      }
    }
    return groups;
  }
}

function written(before: GroupContent, { hardState, entries, reset }: WritePart): GroupContent {
  const after = hardState === undefined ? before : { ...before, hardState };
  if (reset !== undefined) return { ...after, snapshot: reset.to, log: [], state: reset.state };
  const from = entries[0]?.index ?? Infinity;
  const kept = after.log.filter(({ index }) => index < from);
  return { ...after, log: [...kept, ...entries.filter(({ index }) => index > after.snapshot.index)] };
}

function checkpointed(before: GroupContent, { to, rows }: CheckpointPart): GroupContent {
  const state = new Map(Object.entries(before.state));
  for (const [key, value] of Object.entries(rows)) {
    if (value === undefined) state.delete(key);
    else state.set(key, value);
  }
  const log = before.log.filter(({ index }) => index > to.index);
  return { ...before, snapshot: to, log, state: Object.fromEntries(state) };
}
