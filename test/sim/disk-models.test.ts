/** Disks that hang, are full for a while, are put back to an earlier moment, or emptied: what a store on them sees. */
import { describe, expect, it } from 'vitest';
import { StorageFull, type Storage } from '../../src/raft/storage/index.js';
import { Random } from '../../src/random.js';
import { Incarnation, Scheduler } from '../../src/sim/scheduler.js';
import { VirtualDisk } from '../../src/sim/virtual-disk.js';
import { entry } from '../raft/storage/support/builders.js';

class Bench {
  readonly scheduler = new Scheduler();
  readonly disk = new VirtualDisk({
    scheduler: this.scheduler,
    random: new Random(1),
    parameters: { syncMs: 1, jitterMs: 0, stallProbability: 0 },
  });
  #incarnation = new Incarnation();

  /** Opens the disk for a new process; the log of group 1 that it finds. */
  async start(): Promise<{ storage: Storage; log: readonly number[] }> {
    this.#incarnation = new Incarnation();
    const storage = this.disk.storage(this.#incarnation);
    const opening = storage.open();
    await this.pass(100);
    const { groups } = await opening;
    return { storage, log: (groups.get(1)?.entries ?? []).map(({ index }) => index) };
  }

  kill(): void {
    this.#incarnation.end();
    this.disk.crash('power');
  }

  async pass(ms: number): Promise<void> {
    await Promise.resolve();
    await this.scheduler.run(ms);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  /** What becomes of a commit of the entry within `ms`. */
  async commit(storage: Storage, index: number, ms = 100): Promise<string> {
    let fate = 'pending';
    storage.commit([{ group: 1, hardState: undefined, entries: [entry(index)] }]).then(
      () => (fate = 'durable'),
      (error: unknown) => (fate = error instanceof StorageFull ? 'full' : String(error)),
    );
    await this.pass(ms);
    return fate;
  }
}

describe('a virtual disk', () => {
  it('that hangs completes nothing until it continues', async () => {
    const bench = new Bench();
    const { storage } = await bench.start();
    bench.disk.hang();
    expect(await bench.commit(storage, 1, 20_000)).toBe('pending');
    expect(bench.disk.durableTerm(1, 1)).toBeUndefined();
    bench.disk.resume();
    await bench.pass(10);
    expect(bench.disk.durableTerm(1, 1)).toBe(1);
    expect(await bench.commit(storage, 2)).toBe('durable');
  });

  it('that hung while its process was killed works for the next one', async () => {
    const bench = new Bench();
    const { storage } = await bench.start();
    await bench.commit(storage, 1);
    bench.disk.hang();
    bench.kill();
    const starting = bench.start();
    await bench.pass(1_000);
    bench.disk.resume();
    await bench.pass(100);
    expect((await starting).log).toEqual([1]);
  });

  it('that is full accepts no entry, and loses none', async () => {
    const bench = new Bench();
    const { storage } = await bench.start();
    await bench.commit(storage, 1);
    bench.disk.faults.isFull = true;
    expect(await bench.commit(storage, 2)).not.toBe('durable');
    expect(bench.disk.durableTerm(1, 2)).toBeUndefined();
    expect(bench.disk.durableTerm(1, 1)).toBe(1);
  });

  it('that is rolled back has the earlier content, and nothing later', async () => {
    const bench = new Bench();
    const { storage } = await bench.start();
    await bench.commit(storage, 1);
    const image = bench.disk.image();
    await bench.commit(storage, 2);
    await bench.commit(storage, 3);
    expect(bench.disk.durableTerm(1, 3)).toBe(1);
    bench.kill();
    bench.disk.restore(image);
    expect([bench.disk.durableTerm(1, 1), bench.disk.durableTerm(1, 2)]).toEqual([1, undefined]);
    const { storage: again, log } = await bench.start();
    expect(log).toEqual([1]);
    await bench.commit(again, 2);
    bench.kill();
    // The image is not what a process writes into.
    bench.disk.restore(image);
    expect((await bench.start()).log).toEqual([1]);
  });

  it('that is wiped is empty', async () => {
    const bench = new Bench();
    const { storage } = await bench.start();
    await bench.commit(storage, 1);
    bench.kill();
    bench.disk.restore(undefined);
    expect(bench.disk.hasLostAcknowledged).toBe(true);
    expect((await bench.start()).log).toEqual([]);
  });
});
