import { describe, expect, it } from 'vitest';
import type { SnapshotMeta, SnapshotReader, Storage } from '../../src/raft/index.js';
import type { Replica } from '../../src/shard/node/replica.js';
import { OutgoingSnapshots } from '../../src/shard/node/outgoing-snapshots.js';

const TO = 3;
const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [] };

/** A storage whose answers wait until they are let go, and a core that notes what it is given. */
class Scene {
  /** A meta each time a snapshot is opened; none: there is no checkpoint. */
  readonly metas: SnapshotMeta[] = [];
  readonly closed: number[] = [];
  readonly told: string[] = [];
  now = 0;
  /** Of each chunk that storage gives. */
  chunkBytes = 10;
  /** As the storage says beforehand. */
  totalBytes: number | undefined;
  #held: (() => void)[] = [];

  /** What the cores of the groups want: a chunk that is wanted, or under way; nothing once a transfer is over. */
  readonly transfers = new Map<number, { sequence: number; isUnderWay: boolean }>();

  /** The follower, for too long. */
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
      wantCheckpoint: () => this.told.push('checkpoint'),
      onFailure: (error) => this.told.push(error.message),
    },
  );

  /** As a turn of the node in which the core of the group asks. */
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
        chunkUnavailable: (to: number) => this.told.push(`n${to} unavailable`),
        offerChunk: (to: number, { index }: SnapshotMeta, sequence: number, _data: Uint8Array, done: boolean) => {
          this.told.push(`n${to} ${index} chunk ${sequence}${done ? ' done' : ''}`);
          this.transfers.set(id, { sequence, isUnderWay: true });
        },
      },
    } as unknown as Replica;
  }

  groups(count: number): Replica[] {
    return Array.from({ length: count }, (_, i) => this.#group(i + 1));
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
      bytes: this.totalBytes,
      next: () => this.#later(() => ({ data: new Uint8Array(this.chunkBytes), done: ++given === 3 })),
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
    scene.isSilent = true;
    scene.now = 29_000;
    scene.sender.sweep(scene.now);
    expect(scene.closed).toEqual([]);
    scene.now = 60_000;
    scene.sender.sweep(scene.now);
    expect(scene.closed).toEqual([5]);
    scene.want(1);
    await scene.all();
    expect(scene.told).toEqual(['n3 5 chunk 0', 'n3 unavailable']);
  });

  it('a reader is kept for as long as a chunk takes to a follower that is there', async () => {
    const scene = new Scene();
    scene.metas.push(at(5));
    scene.want(0);
    await scene.all();
    scene.now = 600_000;
    scene.sender.sweep(scene.now);
    scene.want(1);
    await scene.all();
    expect(scene.told).toEqual(['n3 5 chunk 0', 'n3 5 chunk 1']);
    expect(scene.closed).toEqual([]);
  });

  it('several groups share a window to one follower: what has begun goes first, and each chunk makes room for one', async () => {
    const scene = new Scene();
    const groups = scene.groups(4);
    scene.metas.push(at(1), at(2), at(3), at(4));
    for (const group of groups) scene.want(0, group);
    await scene.all();
    expect(scene.told).toEqual(['n3 1 chunk 0', 'n3 2 chunk 0']);
    scene.want(1, groups[0]);
    await scene.all();
    expect(scene.told.slice(2)).toEqual(['n3 1 chunk 1']);
    scene.want(2, groups[0]);
    scene.want(1, groups[1]);
    await scene.all();
    expect(scene.told.slice(3)).toEqual(['n3 1 chunk 2 done', 'n3 2 chunk 1']);
    scene.transfers.delete(1);
    scene.sender.pump();
    await scene.all();
    expect(scene.told.slice(5)).toEqual(['n3 3 chunk 0']);
  });

  it('small snapshots share the window, as many as there is room for', async () => {
    const scene = new Scene();
    scene.chunkBytes = 4;
    scene.metas.push(...[1, 2, 3, 4, 5, 6, 7].map(at));
    for (const group of scene.groups(7)) scene.want(0, group);
    while (scene.told.length < 5) {
      await scene.all();
      scene.sender.pump();
    }
    await scene.all();
    scene.sender.pump();
    await scene.all();
    expect(scene.told).toHaveLength(5);
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
    expect(scene.told).toHaveLength(2);
    scene.now = 31_000;
    scene.sender.pump();
    await scene.all();
    expect(scene.told).toEqual(['n3 1 chunk 0', 'n3 2 chunk 0', 'n3 3 chunk 0']);
  });

  it('where the link is so slow that all take longer, the window holds', async () => {
    const scene = new Scene();
    const groups = scene.groups(16);
    scene.metas.push(...groups.map(({ id }) => at(id)));
    for (const group of groups) scene.want(0, group);
    await scene.all();
    let most = 0;
    // Each chunk takes 33 s of the link, and they arrive in their order.
    for (let arrived = 0; arrived < 48; arrived++) {
      for (const end = scene.now + 33_000; scene.now < end; scene.now += 1_000) {
        scene.sender.pump();
        await scene.all();
      }
      most = Math.max(most, scene.told.length - arrived);
      const [, index, sequence, done] = /^n3 (\d+) chunk (\d+)( done)?$/.exec(scene.told[arrived]!)!;
      if (done === undefined) scene.want(Number(sequence) + 1, groups[Number(index) - 1]);
      else scene.transfers.delete(Number(index));
      await scene.all();
    }
    expect(scene.transfers.size).toBe(0);
    expect(most).toBeLessThanOrEqual(4);
  });

  it('tells how far each transfer is, from its beginning to its end', async () => {
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
    // It begins anew.
    scene.want(0);
    await scene.all();
    expect(scene.sender.outgoing()).toEqual([{ shard: 0, to: TO, chunks: 1, bytes: 10, totalBytes: 30 }]);
    scene.transfers.delete(1);
    expect(scene.sender.outgoing()).toEqual([]);
  });

  it('a reader is closed as soon as its transfer is over, also when it was not read to its end', async () => {
    const scene = new Scene();
    scene.metas.push(at(5));
    scene.want(0);
    await scene.all();
    expect(scene.closed).toEqual([]);
    scene.transfers.delete(1);
    scene.sender.pump();
    expect(scene.closed).toEqual([5]);
  });

  it('a node that stops or fails lets go of what is open, and of what is just being opened, and says nothing more', async () => {
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
    expect(scene.told).toEqual(['n3 5 chunk 0']);
  });
});
