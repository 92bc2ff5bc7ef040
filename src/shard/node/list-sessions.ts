/**
 * Lists of one replica that are read as of one moment: a session keeps a view of the shard between the pages of a
 * stream. Bounded in number, time, and bytes that the log of the state grows by meanwhile; whoever goes on too late
 * is refused as `snapshot-expired`.
 */
import { ViewClosed, ViewUnavailable } from '../../raft/index.js';
import { refuse } from '../errors.js';
import type { List } from '../list.js';
import { readKeyPage, rowRangeOf, type Memtable, type RowView } from '../machine/index.js';
import type { Answer } from '../operation.js';
import type { Runtime, Timer } from '../runtime.js';

export const SESSION_MS = 60_000;
export const SESSION_WAL_BYTES = 256 * 1024 * 1024;
/** Of one replica. */
const MAX_SESSIONS = 8;
const SWEEP_MS = 1_000;

interface Session {
  readonly view: RowView;
  readonly revision: number;
  readonly expiresAt: number;
}

export class ListSessions {
  readonly #sessions = new Map<number, Session>();
  readonly #table: Memtable;
  readonly #clocks: Pick<Runtime, 'now' | 'every' | 'random'>;
  #sweep: Timer | undefined;

  constructor(table: Memtable, clocks: Pick<Runtime, 'now' | 'every' | 'random'>) {
    this.#table = table;
    this.#clocks = clocks;
  }

  /** @param revision the applied index */
  serve(list: List, view: NonNullable<List['view']>, revision: number): Answer {
    if (view.id === 0) return this.#open(list, revision);
    this.#dropExpired();
    if (view.isLast) this.#drop(view.id);
    const session = this.#sessions.get(view.id);
    return session === undefined ? refuse('snapshot-expired') : this.#page(view.id, session, list);
  }

  #open(list: List, revision: number): Answer {
    this.#dropExpired();
    if (this.#sessions.size >= MAX_SESSIONS) return refuse('overloaded', 'too many streams read this shard');
    let view: RowView;
    try {
      view = this.#table.openView(rowRangeOf(list));
    } catch (error) {
      if (error instanceof ViewUnavailable) return refuse('overloaded', 'too many streams are read at this node');
      throw error;
    }
    // Not guessable, and not that of a session before a restart.
    const id = 1 + Math.floor(this.#clocks.random() * (2 ** 48 - 1));
    const session = { view, revision, expiresAt: this.#clocks.now() + SESSION_MS };
    this.#sessions.set(id, session);
    this.#sweep ??= this.#clocks.every(SWEEP_MS, () => {
      this.#dropExpired();
    });
    return this.#page(id, session, list);
  }

  #page(id: number, { view, revision }: Session, list: List): Answer {
    try {
      const page = readKeyPage(view, list);
      // A value that was put off is asked for next, also if nothing is behind it.
      if (page.rest === undefined && page.items[0]?.type !== 'deferred') this.#drop(id);
      return { type: 'list', revision, ...page, view: id };
    } catch (error) {
      this.#drop(id);
      if (error instanceof ViewClosed) return refuse('snapshot-expired');
      throw error;
    }
  }

  #dropExpired(): void {
    const now = this.#clocks.now();
    for (const [id, { view, expiresAt }] of this.#sessions) {
      if (now >= expiresAt || view.walBytes > SESSION_WAL_BYTES) this.#drop(id);
    }
  }

  #drop(id: number): void {
    this.#sessions.get(id)?.view.close();
    this.#sessions.delete(id);
    if (this.#sessions.size > 0) return;
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }
}
