import { describe, expect, it } from 'vitest';
import type { SnapshotMeta, SnapshotReader, Storage } from '../../src/raft/index.js';
import type { Replica } from '../../src/shard/node/replica.js';
import { OutgoingSnapshots } from '../../src/shard/node/outgoing-snapshots.js';

const TO = 3;
const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [] };

/** A storage whose answers the test releases, and cores that record what they are given. */
class Scene {
  /** Each opened snapshot takes one; none left: there is no checkpoint. */
  readonly metas: SnapshotMeta[] = [];
  readonly closed: number[] = [];
  readonly calls: string[] = [];
  now = 0;
  /** Length of each chunk from storage. */
  chunkBytes = 10;
  /** Size of the whole snapshot, if storage reports one. */
  totalBytes: number | undefined;
  #held: (() => void)[] = [];

  /** By group: the chunk that its core wants or has in flight; absent once a transfer is over. */
  readonly transfers = new Map<number, { sequence: number; isUnderWay: boolean }>();

  /** The follower has not answered for too long. */
  isSilent = false;

  readonly group = this.#group(1);

  readonly sender = new OutgoingSnapshots(
    { openSnapshot: () => this.#later(() => this.#reader(this.metas.shift())) } as unknown as Storage,
    {
      chunkBytes: 10,
      windowBytes: 20,
      patienceMs: 30_000,
      now: () => this.now,
      inTurn: (_group, task) => {
        task();
      },
      wantCheckpoint: () => this.calls.push('checkpoint'),
      onFailure: (error) => this.calls.push(error.message),
    },
  );

  /** As a turn of the node in which the core of the group requests a chunk. */
  want(sequence: number, group = this.group): void {
    this.transfers.set(group.id, { sequence, isUnderWay: false });
    this.sender.request(group, TO, sequence);
    this.sender.pump();
  }

  #group(id: number): Replica {
    return {
      id,
      raft: {
        snapshotTo: () => this.transfers.get(id),
        isGone: () => this.isSilent,
        chunkUnavailable: (to: number) => this.calls.push(`n${to} unavailable`),
        offerChunk: (to: number, { index }: SnapshotMeta, sequence: number, _data: Uint8Array, done: boolean) => {
          this.calls.push(`n${to} ${index} chunk ${sequence}${done ? ' done' : ''}`);
          this.transfers.set(id, { sequence, isUnderWay: true });
        },
      },
    } as unknown as Replica;
  }

  groups(count: number): Replica[] {
    return Array.from({ length: count }, (_, i) => this.#group(i + 1));
  }

  /** Completes the pending storage requests, and what follows from them. */
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
      bytes: this.totalBytes,
      next: () => this.#later(() => ({ data: new Uint8Array(this.chunkBytes), done: ++given === 3 })),
      close: () => this.closed.push(meta.index),
    };
  }
}

const at = (index: number): SnapshotMeta => ({ index, term: 1, configuration });

describe('an outgoing snapshot', () => {
  it('is handed to the core chunk by chunk, and closed after the last', async () => {
    const scene = new Scene();
    scene.metas.push(at(5));
    for (const sequence of [0, 1, 2]) {
      scene.want(sequence);
      await scene.all();
    }
    expect(scene.calls).toEqual(['n3 5 chunk 0', 'n3 5 chunk 1', 'n3 5 chunk 2 done']);
    expect(scene.closed).toEqual([5]);
  });

  it('a core that starts over while a chunk is read gets the first chunk of the new snapshot, and none of the old', async () => {
    const scene = new Scene();
    scene.metas.push(at(5), at(9));
    scene.want(0);
    await scene.all();
    scene.want(1);
    scene.want(0);
    await scene.all();
    expect(scene.calls).toEqual(['n3 5 chunk 0', 'n3 9 chunk 0']);
    expect(scene.closed).toEqual([5]);
  });

  it('so does one that starts over while the snapshot is opened', async () => {
    const scene = new Scene();
    scene.metas.push(at(5), at(9));
    scene.want(0);
    scene.want(0);
    await scene.all();
    scene.want(1);
    await scene.all();
    expect(scene.calls).toEqual(['n3 9 chunk 0', 'n3 9 chunk 1']);
  });

  it('without a checkpoint one is requested, and the core is notified that the chunk is unavailable', async () => {
    const scene = new Scene();
    scene.want(0);
    await scene.all();
    expect(scene.calls).toEqual(['checkpoint', 'n3 unavailable']);
  });

  it('a chunk of a reader that was given up is unavailable', async () => {
    const scene = new Scene();
    scene.metas.push(at(5));
    scene.want(0);
    await scene.all();
    scene.isSilent = true;
    scene.now = 29_000;
    scene.sender.sweep(scene.now);
    expect(scene.closed).toEqual([]);
    scene.now = 60_000;
    scene.sender.sweep(scene.now);
    expect(scene.closed).toEqual([5]);
    scene.want(1);
    await scene.all();
    expect(scene.calls).toEqual(['n3 5 chunk 0', 'n3 unavailable']);
  });

  it('a reader is kept however long a chunk takes to a responsive follower', async () => {
    const scene = new Scene();
    scene.metas.push(at(5));
    scene.want(0);
    await scene.all();
    scene.now = 600_000;
    scene.sender.sweep(scene.now);
    scene.want(1);
    await scene.all();
    expect(scene.calls).toEqual(['n3 5 chunk 0', 'n3 5 chunk 1']);
    expect(scene.closed).toEqual([]);
  });

  it('several groups share a window to one follower: begun transfers go first, and each acknowledged chunk admits one', async () => {
    const scene = new Scene();
    const groups = scene.groups(4);
    scene.metas.push(at(1), at(2), at(3), at(4));
    for (const group of groups) scene.want(0, group);
    await scene.all();
    expect(scene.calls).toEqual(['n3 1 chunk 0', 'n3 2 chunk 0']);
    scene.want(1, groups[0]);
    await scene.all();
    expect(scene.calls.slice(2)).toEqual(['n3 1 chunk 1']);
    scene.want(2, groups[0]);
    scene.want(1, groups[1]);
    await scene.all();
    expect(scene.calls.slice(3)).toEqual(['n3 1 chunk 2 done', 'n3 2 chunk 1']);
    scene.transfers.delete(1);
    scene.sender.pump();
    await scene.all();
    expect(scene.calls.slice(5)).toEqual(['n3 3 chunk 0']);
  });

  it('small snapshots share the window, as many as fit', async () => {
    const scene = new Scene();
    scene.chunkBytes = 4;
    scene.metas.push(...[1, 2, 3, 4, 5, 6, 7].map(at));
    for (const group of scene.groups(7)) scene.want(0, group);
    while (scene.calls.length < 5) {
      await scene.all();
      scene.sender.pump();
    }
    await scene.all();
    scene.sender.pump();
    await scene.all();
    expect(scene.calls).toHaveLength(5);
  });

  it('one that is stuck for half a minute gives up its part of the window', async () => {
    const scene = new Scene();
    const groups = scene.groups(3);
    scene.metas.push(at(1), at(2), at(3));
    for (const group of groups) scene.want(0, group);
    await scene.all();
    scene.now = 29_000;
    scene.sender.pump();
    await scene.all();
    expect(scene.calls).toHaveLength(2);
    scene.now = 31_000;
    scene.sender.pump();
    await scene.all();
    expect(scene.calls).toEqual(['n3 1 chunk 0', 'n3 2 chunk 0', 'n3 3 chunk 0']);
  });

  it('the window still holds if the link is so slow that every chunk takes longer', async () => {
    const scene = new Scene();
    const groups = scene.groups(16);
    scene.metas.push(...groups.map(({ id }) => at(id)));
    for (const group of groups) scene.want(0, group);
    await scene.all();
    let most = 0;
    // The link takes 33 s for each chunk, and they arrive in order.
    for (let arrived = 0; arrived < 48; arrived++) {
      for (const end = scene.now + 33_000; scene.now < end; scene.now += 1_000) {
        scene.sender.pump();
        await scene.all();
      }
      most = Math.max(most, scene.calls.length - arrived);
      const [, index, sequence, done] = /^n3 (\d+) chunk (\d+)( done)?$/.exec(scene.calls[arrived]!)!;
      if (done === undefined) scene.want(Number(sequence) + 1, groups[Number(index) - 1]);
      else scene.transfers.delete(Number(index));
      await scene.all();
    }
    expect(scene.transfers.size).toBe(0);
    expect(most).toBeLessThanOrEqual(4);
  });

  it('reports the progress of each transfer', async () => {
    const scene = new Scene();
    scene.totalBytes = 30;
    scene.metas.push(at(5), at(9));
    expect(scene.sender.outgoing()).toEqual([]);
    scene.want(0);
    expect(scene.sender.outgoing()).toEqual([{ shard: 0, to: TO, chunks: 0, bytes: 0, totalBytes: undefined }]);
    await scene.all();
    scene.want(1);
    await scene.all();
    expect(scene.sender.outgoing()).toEqual([{ shard: 0, to: TO, chunks: 2, bytes: 20, totalBytes: 30 }]);
    // It starts over.
    scene.want(0);
    await scene.all();
    expect(scene.sender.outgoing()).toEqual([{ shard: 0, to: TO, chunks: 1, bytes: 10, totalBytes: 30 }]);
    scene.transfers.delete(1);
    expect(scene.sender.outgoing()).toEqual([]);
  });

  it('a reader is closed as soon as its transfer is over, even if it was not read to its end', async () => {
    const scene = new Scene();
    scene.metas.push(at(5));
    scene.want(0);
    await scene.all();
    expect(scene.closed).toEqual([]);
    scene.transfers.delete(1);
    scene.sender.pump();
    expect(scene.closed).toEqual([5]);
  });

  it('a node that stops or fails closes open readers and those being opened, and hands on nothing more', async () => {
    const scene = new Scene();
    const [one, other] = scene.groups(2);
    scene.metas.push(at(5), at(9));
    scene.want(0, one);
    await scene.all();
    scene.want(0, other);
    scene.sender.close();
    expect(scene.closed).toEqual([5]);
    await scene.all();
    expect(scene.closed).toEqual([5, 9]);
    expect(scene.calls).toEqual(['n3 5 chunk 0']);
  });
});
