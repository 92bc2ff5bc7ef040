/** The simulator's disk as a place for a storage: virtual time advances while an operation is in flight. */
import type { JournaledStorageSettings, Storage } from '../../../../src/raft/storage/index.js';
import { Random } from '../../../../src/random.js';
import { Incarnation, Scheduler } from '../../../../src/sim/scheduler.js';
import type { ScheduledEvent } from '../../../../src/sim/scheduler.js';
import { VirtualDisk } from '../../../../src/sim/virtual-disk.js';

class PassingTime extends Scheduler {
  #scheduled = 0;
  #isPassing = false;

  override after(ms: number, incarnation: Incarnation | undefined, task: () => void, isTurn?: boolean): ScheduledEvent {
    this.#scheduled++;
    if (!this.#isPassing) void this.#pass();
    return super.after(ms, incarnation, task, isTurn);
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
  const parameters = { syncMs: 0.2, jitterMs: 0.5, stallProbability: 0.01 };
  const disk = new VirtualDisk({ scheduler: new PassingTime(), random: new Random(1), parameters });
  return () => disk.storage(new Incarnation(), settings);
}
