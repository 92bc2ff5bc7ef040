/** Stand-in. */
import { MemoryDisk, MemoryStorage, type Storage } from '../shard/index.js';
import type { DiskMix } from './mix.js';
import type { Random } from './random.js';
import type { Life, Scheduler } from './scheduler.js';

export class VirtualDisk {
  readonly faults = { stallUntil: 0, failNextSync: undefined as 'full' | 'failure' | undefined, slowFactor: 1 };
  #disk = new MemoryDisk();
  #storage: MemoryStorage | undefined;
  constructor(readonly o: { scheduler: Scheduler; random: Random; mix: DiskMix; onSync?: (what: string) => void }) {}
  storage(life: Life): Storage {
    this.#storage = new MemoryStorage(this.#disk, {
      defer: (task) => {
        const { mix, random } = this.o;
        this.o.onSync?.('commit');
        const ms = (mix.syncMs - mix.jitterMs * Math.log(1 - random.next())) * this.faults.slowFactor;
        this.o.scheduler.after(Math.max(ms, this.faults.stallUntil - this.o.scheduler.now), life, task);
      },
    });
    return this.#storage;
  }
  crash(_kind: string): void {
    this.#storage?.crash();
  }
  flipBit(): boolean {
    return false;
  }
  durableTerm(group: number, index: number): number | undefined {
    const g = this.#disk.groups.get(group);
    const first = g?.entries[0]?.index ?? 0;
    return g?.entries[index - first]?.term;
  }
  durableSnapshotIndex(group: number): number {
    return this.#disk.groups.get(group)?.meta?.index ?? 0;
  }
}
