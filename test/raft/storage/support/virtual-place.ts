/** The simulator's disk as a place for a storage: virtual time passes by itself while anything is under way on it. */
import type { JournaledStorageSettings, Storage } from '../../../../src/raft/storage/index.js';
import { Random } from '../../../../src/random.js';
import { Life, Scheduler } from '../../../../src/sim/scheduler.js';
import type { ScheduledEvent } from '../../../../src/sim/scheduler.js';
import { VirtualDisk } from '../../../../src/sim/virtual-disk.js';

class PassingTime extends Scheduler {
  #scheduled = 0;
  #isPassing = false;

  override after(ms: number, life: Life | undefined, task: () => void, isTurn?: boolean): ScheduledEvent {
    this.#scheduled++;
    if (!this.#isPassing) void this.#pass();
    return super.after(ms, life, task, isTurn);
  }

  async #pass(): Promise<void> {
    this.#isPassing = true;
    do {
      await new Promise((resolve) => setImmediate(resolve));
      await this.run(1);
    } while (this.happened < this.#scheduled);
    this.#isPassing = false;
  }
}

export function virtualPlace(settings: Omit<JournaledStorageSettings, 'maxJournalBytes'> = {}): () => Storage {
  const mix = { syncMs: 0.2, jitterMs: 0.5, stallProbability: 0.01 };
  const disk = new VirtualDisk({ scheduler: new PassingTime(), random: new Random(1), mix });
  return () => disk.storage(new Life(), settings);
}
