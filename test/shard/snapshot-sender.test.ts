import { describe, expect, it } from 'vitest';
import type { SnapshotMeta, SnapshotReader, Storage } from '../../src/raft/index.js';
import type { Group } from '../../src/shard/group.js';
import { SnapshotSender } from '../../src/shard/snapshot-sender.js';

const TO = 3;
const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [] };

/** A storage whose answers wait until they are let go, and a core that notes what it is given. */
class Scene {
  /** A meta each time a snapshot is opened; none: there is no checkpoint. */
  readonly metas: SnapshotMeta[] = [];
  readonly closed: number[] = [];
  readonly told: string[] = [];
  now = 0;
  #held: (() => void)[] = [];

  readonly group = {
    id: 1,
    raft: {
      chunkUnavailable: (to: number) => this.told.push(`n${to} unavailable`),
      offerChunk: (to: number, { index }: SnapshotMeta, sequence: number, _data: Uint8Array, done: boolean) =>
        this.told.push(`n${to} ${index} chunk ${sequence}${done ? ' done' : ''}`),
    },
  } as unknown as Group;

  readonly sender = new SnapshotSender(
    { openSnapshot: () => this.#later(() => this.#reader(this.metas.shift())) } as unknown as Storage,
    {
      chunkBytes: 10,
      now: () => this.now,
      inTurn: (_group, task) => {
        task();
      },
      wantCheckpoint: () => this.told.push('checkpoint'),
      onFailure: (error) => this.told.push(error.message),
    },
  );

  want(sequence: number): void {
    this.sender.want(this.group, TO, sequence);
  }

  /** Lets what was asked of the storage be answered, and what follows from it happen. */
  async letGo(): Promise<void> {
    for (const go of this.#held.splice(0)) go();
    await new Promise((resolve) => setImmediate(resolve));
  }

  async all(): Promise<void> {
    while (this.#held.length > 0) await this.letGo();
  }

  #later<T>(give: () => T): Promise<T> {
    return new Promise((resolve) => {
      this.#held.push(() => {
        resolve(give());
      });
    });
  }

  /** Three chunks. */
  #reader(meta: SnapshotMeta | undefined): SnapshotReader | undefined {
    if (meta === undefined) return undefined;
    let given = 0;
    return {
      meta,
      next: () => this.#later(() => ({ data: new Uint8Array(1), done: ++given === 3 })),
      close: () => this.closed.push(meta.index),
    };
  }
}

const at = (index: number): SnapshotMeta => ({ index, term: 1, configuration });

describe('a snapshot on its way out', () => {
  it('is given chunk by chunk, and closed after the last', async () => {
    const scene = new Scene();
    scene.metas.push(at(5));
    for (const sequence of [0, 1, 2]) {
      scene.want(sequence);
      await scene.all();
    }
    expect(scene.told).toEqual(['n3 5 chunk 0', 'n3 5 chunk 1', 'n3 5 chunk 2 done']);
    expect(scene.closed).toEqual([5]);
  });

  it('a core that begins anew while a chunk is fetched is given the first chunk of the new one, and nothing of the old', async () => {
    const scene = new Scene();
    scene.metas.push(at(5), at(9));
    scene.want(0);
    await scene.all();
    scene.want(1);
    scene.want(0);
    await scene.all();
    expect(scene.told).toEqual(['n3 5 chunk 0', 'n3 9 chunk 0']);
    expect(scene.closed).toEqual([5]);
  });

  it('so is one that begins anew while the snapshot is opened', async () => {
    const scene = new Scene();
    scene.metas.push(at(5), at(9));
    scene.want(0);
    scene.want(0);
    await scene.all();
    scene.want(1);
    await scene.all();
    expect(scene.told).toEqual(['n3 9 chunk 0', 'n3 9 chunk 1']);
  });

  it('without a checkpoint one is taken, and the core hears that it has to ask again', async () => {
    const scene = new Scene();
    scene.want(0);
    await scene.all();
    expect(scene.told).toEqual(['checkpoint', 'n3 unavailable']);
  });

  it('a chunk of a reader that was given up is not to be had', async () => {
    const scene = new Scene();
    scene.metas.push(at(5));
    scene.want(0);
    await scene.all();
    scene.now = 60_000;
    scene.sender.sweep(scene.now);
    expect(scene.closed).toEqual([5]);
    scene.want(1);
    await scene.all();
    expect(scene.told).toEqual(['n3 5 chunk 0', 'n3 unavailable']);
  });
});
