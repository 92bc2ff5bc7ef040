/**
 * A store on a virtual disk that is used, broken and started again, next to a ledger that says what it may hold then.
 */
import { expect } from 'vitest';
import type { Entry } from '../../../src/raft/types.js';
import { StorageFailure, StorageFull } from '../../../src/raft/storage/index.js';
import type { Recovered, Storage } from '../../../src/raft/storage/index.js';
import { StateRowWriter } from '../../../src/raft/storage/state/state-rows.js';
import { Random } from '../../../src/random.js';
import { Incarnation, Scheduler } from '../../../src/sim/scheduler.js';
import { VirtualDisk } from '../../../src/sim/virtual-disk.js';
import { bytes, stateOf } from '../../raft/storage/support/builders.js';
import { Ledger } from './ledger.js';
import type { Content, WritePart } from './ledger.js';

export type Step =
  | { readonly type: 'commit'; readonly parts: readonly Part[] }
  | { readonly type: 'checkpoint'; readonly parts: readonly Part[]; readonly rows: number }
  | { readonly type: 'install'; readonly part: Part; readonly rows: number }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'fail'; readonly how: 'full' | 'failure' }
  /** `early`: crashes again so soon after the start, ms. */
  | { readonly type: 'crash'; readonly kind: 'process' | 'power'; readonly early: number | undefined }
  | { readonly type: 'reopen' };

/** `at`, between 0 and 1, is turned into what is legal at the time. */
export interface Part {
  readonly group: number;
  readonly at: number;
  readonly length: number;
  readonly withHardState: boolean;
}

export class Machine {
  readonly #scheduler = new Scheduler();
  readonly disk: VirtualDisk;
  readonly #ledger = new Ledger();
  #incarnation = new Incarnation();
  #storage: Storage;
  #term = 0;
  #isCheckpointing = false;
  /** Up to where the checkpoint under way covers each group's log. */
  readonly #covering = new Map<number, number>();
  readonly #installing = new Set<number>();
  #failure: unknown;
  #isClosing = false;
  /** Everything that could be seen, with its time. */
  readonly trace: string[] = [];

  constructor(seed: number) {
    const parameters = { syncMs: 0.5, jitterMs: 0.5, stallProbability: 0.01 };
    this.disk = new VirtualDisk({ scheduler: this.#scheduler, random: new Random(seed), parameters });
    this.#storage = this.#newStorage();
  }

  async live(steps: readonly Step[]): Promise<void> {
    await this.#start();
    for (const step of steps) await this.#take(step);
    await this.#take({ type: 'reopen' });
    await this.#take({ type: 'crash', kind: 'power', early: undefined });
    expect(this.trace.filter((line) => line.includes('WRONG'))).toEqual([]);
  }

  async #take(step: Step): Promise<void> {
    switch (step.type) {
      case 'commit':
        this.#commit(step.parts);
        return;
      case 'checkpoint':
        this.#checkpoint(step.parts, step.rows);
        return;
      case 'install':
        this.#install(step.part, step.rows);
        return;
      case 'pass':
        await this.#pass(step.ms);
        return;
      case 'fail':
        this.disk.faults.failNextSync = step.how;
        if (step.how === 'full') this.#ledger.diskIsFull();
        return;
      case 'crash':
        await this.#crash(step.kind);
        if (step.early === undefined) return this.#start();
        this.#storage = this.#newStorage();
        this.#storage.open().catch((error: unknown) => {
          this.#note(String(error));
        });
        await this.#pass(step.early);
        await this.#crash(step.kind);
        return this.#start();
      case 'reopen': {
        this.#isClosing = true;
        const isClosed = this.#isOver(this.#storage.close());
        expect(await this.#scheduler.until(isClosed, 1000)).toBe(true);
        await settle();
        this.#incarnation.end();
        if (this.#failure === undefined) expect(this.#ledger.writesUnderWay).toBe(0);
        await this.#start();
      }
    }
  }

  #newStorage(): Storage {
    this.#incarnation = new Incarnation();
    return this.disk.storage(this.#incarnation, {
      journalSlackBytes: 200,
      onNotice: (notice) => {
        this.#note(notice);
      },
    });
  }

  async #start(): Promise<void> {
    this.disk.faults.failNextSync = undefined;
    this.#storage = this.#newStorage();
    const opening = this.#storage.open();
    const isOpen = this.#isOver(opening);
    expect(await this.#scheduler.until(isOpen, 1000)).toBe(true);
    const found = contentOf(this.#storage, await opening);
    this.#note(`starts with ${JSON.stringify(found)}`);
    expect(this.#ledger.allowed()).toContainEqual(found);
    this.#expectDurable(found);
    this.#ledger.restart(found);
    this.#isCheckpointing = false;
    this.#covering.clear();
    this.#installing.clear();
    this.#failure = undefined;
    this.#isClosing = false;
  }

  async #crash(kind: 'process' | 'power'): Promise<void> {
    await settle();
    this.#incarnation.end();
    this.disk.crash(kind);
    this.#note(`${kind} crash`);
    if (!isSame(this.#ledger.allowed(), [this.#ledger.full])) this.#note('with something at stake');
  }

  async #pass(ms: number): Promise<void> {
    await settle();
    await this.#scheduler.run(ms);
    await settle();
  }

  #commit(parts: readonly Part[]): void {
    const term = ++this.#term;
    const writes: (WritePart & { readonly entries: readonly Entry[] })[] = [];
    for (const { group, at, length, withHardState } of parts) {
      if (this.#installing.has(group) || (length === 0 && !withHardState)) continue;
      const { first, last } = this.#logOf(group);
      // Nothing that is covered is replaced.
      const from = first + Math.floor(at * (last + 1 - first));
      const entries = Array.from({ length }, (_, i) => ({ index: from + i, term, kind: 1 as const, data: bytes('x') }));
      writes.push({ group, hardState: withHardState ? { term, vote: term % 5, commit: 0 } : undefined, entries });
    }
    if (writes.length === 0) return;
    this.#watch('commit', this.#storage.commit(writes), () => this.#ledger.write(writes.map(bare)));
  }

  #checkpoint(list: readonly Part[], count: number): void {
    if (this.#isCheckpointing) return;
    const term = ++this.#term;
    const full = this.#ledger.full;
    const parts = list
      .filter(({ group }) => !this.#installing.has(group))
      .map(({ group, at }) => {
        const { first, last } = this.#logOf(group);
        const index = first - 1 + Math.floor(at * (last + 2 - first) * 0.999);
        const { snapshot, log } = full[group] ?? { snapshot: { index: 0, term: 0 }, log: [] };
        const to = { index, term: log.find((entry) => entry.index === index)?.term ?? snapshot.term };
        const rows: Record<string, string | undefined> = { [`k${term % 5}`]: undefined };
        for (let i = 0; i < count; i++) rows[`k${(term + i) % 500}`] = `${term}`;
        return { group, to, rows };
      });
    const configuration = { voters: [1], votersOutgoing: [], learners: [] };
    const request = parts.map(({ group, to, rows }) => ({
      group,
      meta: { ...to, configuration },
      rows: Object.entries(rows).map(([key, value]) => [key, value === undefined ? undefined : bytes(value)] as const),
    }));
    this.#isCheckpointing = true;
    for (const { group, to } of parts) this.#covering.set(group, to.index);
    this.#watch(
      'checkpoint',
      this.#storage.checkpoint(request),
      () => this.#ledger.checkpoint(parts),
      () => {
        this.#isCheckpointing = false;
        this.#covering.clear();
      },
    );
  }

  /** Of a length of 0: stages, and leaves it at that. */
  #install({ group, length, withHardState }: Part, count: number): void {
    if (this.#installing.has(group)) return;
    const term = ++this.#term;
    const index = this.#logOf(group).last + 1;
    const state: Record<string, string> = {};
    const writer = new StateRowWriter();
    for (let i = 0; i < count; i++) {
      state[`k${i}`] = `${term}`;
      writer.add(`k${i}`, bytes(`${term}`));
    }
    const hardState = withHardState ? { term, vote: 0, commit: index } : undefined;
    const meta = { index, term, configuration: { voters: [1], votersOutgoing: [], learners: [] } };
    this.#storage.stageChunk(group, 0, writer.take()).catch(() => undefined);
    if (length === 0) return;
    this.#installing.add(group);
    this.#watch(
      'install',
      this.#storage.install(group, meta, hardState),
      () => this.#ledger.write([{ group, hardState, entries: [], reset: { to: { index, term }, state } }]),
      () => this.#installing.delete(group),
    );
  }

  #logOf(group: number): { readonly first: number; readonly last: number } {
    const { snapshot, log } = this.#ledger.full[group] ?? { snapshot: { index: 0 }, log: [] };
    // What is being covered was applied, and Raft replaces none of that.
    const covered = Math.max(snapshot.index, this.#covering.get(group) ?? 0);
    return { first: covered + 1, last: log.at(-1)?.index ?? snapshot.index };
  }

  /** Once something has failed, nothing is acknowledged any more (s70). */
  #watch(what: string, done: Promise<void>, enter: () => () => void, over: () => void = () => undefined): void {
    const incarnation = this.#incarnation;
    const isRefusedAtOnce = this.#failure !== undefined;
    const acknowledge = isRefusedAtOnce ? () => undefined : enter();
    done.then(
      () => {
        if (incarnation.ended) this.#note(`WRONG: ${what} is acknowledged to the dead`);
        if (this.#failure !== undefined) this.#note(`WRONG: ${what} is acknowledged after a failure`);
        this.#note(`${what} done`);
        acknowledge();
        over();
      },
      (error: unknown) => {
        this.#note(`${what} ${String(error)}`);
        // A checkpoint that had more to ask for than the store took before it was closed: the disk did not fail.
        if (this.#isClosing && what === 'checkpoint' && String(error) === 'StorageFailure: the store is closed') return;
        this.#failure ??= error;
        if (!(error instanceof StorageFull || error instanceof StorageFailure)) this.#note(`WRONG: ${String(error)}`);
      },
    );
  }

  #expectDurable(found: Content): void {
    for (const [id, { snapshot, log }] of Object.entries(found)) {
      const group = Number(id);
      expect(this.disk.durableSnapshotIndex(group)).toBe(snapshot.index);
      for (const { index, term } of log) expect(this.disk.durableTerm(group, index)).toBe(term);
      expect(this.disk.durableTerm(group, (log.at(-1)?.index ?? snapshot.index) + 1)).toBeUndefined();
      if (snapshot.index > 0) expect(this.disk.durableTerm(group, snapshot.index)).toBe(snapshot.term);
    }
  }

  #isOver(promise: Promise<unknown>): () => boolean {
    let isOver = false;
    const end = (): void => {
      isOver = true;
    };
    promise.then(end, end);
    return () => isOver;
  }

  #note(what: string): void {
    this.trace.push(`${this.#scheduler.now.toFixed(6)} ${what}`);
  }
}

/** Lets every promise that can go on do so; no virtual time passes. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

const bare = ({ group, hardState, entries }: WritePart): WritePart => ({
  group,
  hardState,
  entries: entries.map(({ index, term }) => ({ index, term })),
});

function contentOf(storage: Storage, recovered: Recovered): Content {
  return Object.fromEntries(
    [...recovered.groups].map(([group, { hardState, snapshot, entries }]) => [
      group,
      {
        hardState,
        snapshot: { index: snapshot.index, term: snapshot.term },
        log: entries.map(({ index, term }) => ({ index, term })),
        state: stateOf(storage, group),
      },
    ]),
  );
}
