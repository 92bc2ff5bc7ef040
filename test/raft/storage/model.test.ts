/** A store against a simple model, over random operations and reopenings: both hold the same at every point. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { EVERYTHING, MemoryDisk, MemoryStorage, NO_BOUNDS, SqliteStorage } from '../../../src/raft/storage/index.js';
import type { Storage } from '../../../src/raft/storage/index.js';
import { StateRowWriter } from '../../../src/raft/storage/state/state-rows.js';
import { bytes, entries, freshFolder, meta, removeFoldersAfterEach, viewOf } from './support/builders.js';
import type { GroupView } from './support/builders.js';
import { InlineWorker } from './support/inline-worker.js';
import { virtualPlace } from './support/virtual-place.js';

const GROUPS = [0, 1, 2] as const;
const KEYS = ['', 'a', 'ab', 'b', '\xff'] as const;

type Step =
  | { readonly type: 'commit'; readonly parts: readonly Part[] }
  | { readonly type: 'checkpoint'; readonly parts: readonly Part[]; readonly rows: readonly Row[] }
  | { readonly type: 'install'; readonly part: Part; readonly rows: readonly Row[] }
  | { readonly type: 'settle' }
  | { readonly type: 'reopen' };
type Row = readonly [key: string, value: string | undefined];
/** Numbers between 0 and 1 are turned into what is legal at the time. */
interface Part {
  readonly group: number;
  readonly at: number;
  readonly length: number;
  readonly withHardState: boolean;
}

const part = fc.record({
  group: fc.constantFrom(...GROUPS),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 0, max: 6 }),
  withHardState: fc.boolean(),
});
const parts = fc.uniqueArray(part, { selector: ({ group }) => group, maxLength: 3 });
/** Some are large, see `state/large-values.ts`. */
const value = fc.oneof(
  { weight: 3, arbitrary: fc.string({ maxLength: 3 }) },
  { weight: 1, arbitrary: fc.integer({ min: 980, max: 1_010 }).map((bytes) => 'v'.repeat(bytes)) },
);
const rows = fc.array(fc.tuple(fc.constantFrom(...KEYS), fc.option(value, { nil: undefined })), { maxLength: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('commit' as const), parts }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('checkpoint' as const), parts, rows }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('install' as const), part, rows }) },
  { weight: 2, arbitrary: fc.constant({ type: 'settle' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'reopen' as const }) },
);

interface ModelGroup {
  hardState: { term: number; vote: number; commit: number };
  snapshot: { index: number; term: number };
  log: readonly { readonly index: number; readonly term: number }[];
  state: Map<string, string>;
}

/** What a storage should hold; every change at once. */
class Model {
  readonly groups = new Map<number, ModelGroup>();
  term = 0;

  group(id: number): ModelGroup {
    const made: ModelGroup = this.groups.get(id) ?? {
      hardState: { term: 0, vote: 0, commit: 0 },
      snapshot: { index: 0, term: 0 },
      log: [],
      state: new Map(),
    };
    this.groups.set(id, made);
    return made;
  }

  last(id: number): number {
    const group = this.groups.get(id);
    return group?.log.at(-1)?.index ?? group?.snapshot.index ?? 0;
  }

  view(): Record<number, GroupView> {
    const views: Record<number, GroupView> = {};
    for (const [id, { hardState, snapshot, log, state }] of this.groups) {
      views[id] = {
        hardState: [hardState.term, hardState.vote, hardState.commit],
        snapshot: `${snapshot.index}@${snapshot.term}`,
        log: log.map(({ index, term }) => `${index}@${term}=${index}@${term}`),
        state: Object.fromEntries([...state].map(([key, value]) => [key, Buffer.from(bytes(value)).toString()])),
      };
    }
    return views;
  }
}

class ModelRun {
  readonly #make: () => Storage;
  readonly #model = new Model();
  #storage: Storage;
  #pending: Promise<void>[] = [];
  /** Applied to the model when the storage's checkpoint has been waited for: installs may overtake it. */
  #checkpoint: Promise<void> = Promise.resolve();

  constructor(make: () => Storage) {
    this.#make = make;
    this.#storage = make();
  }

  async run(steps: readonly Step[]): Promise<void> {
    expect((await this.#storage.open()).groups.size).toBe(0);
    for (const s of steps) await this.#step(s);
    await this.#step({ type: 'reopen' });
    await this.#storage.close();
  }

  async #step(s: Step): Promise<void> {
    switch (s.type) {
      case 'commit':
        this.#commit(s.parts);
        return;
      case 'checkpoint':
        await this.#checkpointOf(s.parts, s.rows);
        return;
      case 'install':
        await this.#install(s.part, s.rows);
        return;
      case 'settle':
        await this.#settle();
        return;
      case 'reopen': {
        await this.#settle();
        await this.#storage.close();
        this.#storage = this.#make();
        const recovered = await this.#storage.open();
        expect(viewOf(this.#storage, recovered)).toEqual(this.#model.view());
      }
    }
  }

  #commit(list: readonly Part[]): void {
    const term = ++this.#model.term;
    const writes = list.map(({ group, at, length, withHardState }) => {
      const { snapshot } = this.#model.groups.get(group) ?? { snapshot: { index: 0 } };
      // Never below the snapshot: that is committed.
      const first = snapshot.index + 1 + Math.floor(at * (this.#model.last(group) - snapshot.index));
      const hardState = withHardState ? { term, vote: term % 5, commit: snapshot.index } : undefined;
      return { group, hardState, entries: length > 0 ? entries(first, first + length - 1, term) : [] };
    });
    this.#pending.push(this.#storage.commit(writes));
    for (const write of writes) {
      if (write.hardState === undefined && write.entries.length === 0) continue;
      const group = this.#model.group(write.group);
      if (write.hardState !== undefined) group.hardState = write.hardState;
      const from = write.entries[0]?.index ?? Infinity;
      group.log = [...group.log.filter(({ index }) => index < from), ...write.entries];
    }
  }

  async #checkpointOf(list: readonly Part[], changes: readonly Row[]): Promise<void> {
    await this.#checkpoint;
    const groups = list.map(({ group, at }) => {
      const { snapshot, log } = this.#model.group(group);
      const index = snapshot.index + Math.floor(at * (this.#model.last(group) - snapshot.index + 1) * 0.999);
      const term = log.find((e) => e.index === index)?.term ?? snapshot.term;
      const rowsOf = changes.map(([key, value]) => [key, value === undefined ? undefined : bytes(value)] as const);
      return { group, meta: meta(index, term), rows: rowsOf };
    });
    this.#checkpoint = this.#storage.checkpoint(groups);
    this.#pending.push(this.#checkpoint);
    for (const { group, meta: reached } of groups) {
      const held = this.#model.group(group);
      for (const [key, value] of changes) {
        if (value === undefined) held.state.delete(key);
        else held.state.set(key, value);
      }
      held.snapshot = { index: reached.index, term: reached.term };
      held.log = held.log.filter(({ index }) => index > reached.index);
    }
  }

  async #install({ group, at, withHardState }: Part, staged: readonly Row[]): Promise<void> {
    const term = ++this.#model.term;
    const index = this.#model.last(group) + 1 - Math.floor(at * 2);
    if (index <= (this.#model.groups.get(group)?.snapshot.index ?? 0)) return;
    // The newest value of a key counts, as in a snapshot it is the only one.
    const state = new Map(staged.filter((pair): pair is readonly [string, string] => pair[1] !== undefined));
    const writer = new StateRowWriter();
    for (const [key, value] of state) writer.add(key, bytes(value));
    const hardState = withHardState ? { term, vote: 0, commit: index } : undefined;
    this.#pending.push(this.#storage.stageChunk(group, 0, writer.take()));
    this.#pending.push(this.#storage.install(group, meta(index, term), hardState));
    const held = this.#model.group(group);
    Object.assign(held, { snapshot: { index, term }, log: [], state });
    if (hardState !== undefined) held.hardState = hardState;
    // A node applies nothing of a group before its install is durable.
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#pending);
    this.#pending = [];
    for (const [id, { state }] of this.#model.groups) {
      const found = this.#storage
        .range(id, EVERYTHING, NO_BOUNDS)
        .rows.map(([key, value]) => [key, Buffer.from(value).toString()]);
      const wanted = [...state].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, Buffer.from(v).toString()]);
      expect(found).toEqual(wanted);
    }
  }
}

describe('model', () => {
  removeFoldersAfterEach();
  const opened: number[] = [];
  afterAll(() => {
    expect(opened.length).toBeGreaterThan(0);
  });

  it('memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
        const disk = new MemoryDisk();
        opened.push(steps.length);
        await new ModelRun(() => new MemoryStorage(disk)).run(steps);
      }),
      { numRuns: 200 },
    );
  });

  it('files in memory, in virtual time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40, size: 'max' }),
        fc.constantFrom(0, 300, 100_000),
        async (steps, slack) => {
          opened.push(steps.length);
          await new ModelRun(virtualPlace({ journalSlackBytes: slack })).run(steps);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('sqlite', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40, size: 'max' }),
        fc.constantFrom(0, 300, 100_000),
        async (steps, slack) => {
          const directory = freshFolder();
          opened.push(steps.length);
          const worker = new InlineWorker();
          await new ModelRun(() => new SqliteStorage({ directory, worker, journalSlackBytes: slack })).run(steps);
        },
      ),
      { numRuns: 40 },
    );
  }, 120_000);
});
