/** Contract of the two files of a store; `files.test.ts` runs it on SQLite's and on the simulator's. */
import { afterEach, describe } from 'vitest';
import type { StateReader, StoreFiles } from '../../../src/raft/storage/index.js';
import { journalEnds, journalFailures, journalRows } from './support/journal-contract.js';
import { snapshots, stateFailures, stateSlots, stateTransactions } from './support/state-contract.js';

/** The location of one store. */
export interface Place {
  /** By one process at a time. */
  open(): StoreFiles;
  /** Of what is durable. */
  reader(): StateReader;
  /** The process ends as by `kill -9`, and the power is cut. */
  crash(): void;
  /** From now on no file can grow. */
  fill(isFull: boolean): void;
  close(): void;
}

export function filesContract(name: string, make: () => Place): void {
  describe(`${name}: the contract of a store's files`, () => {
    const places: Place[] = [];
    const open = (): Place => {
      const place = make();
      places.push(place);
      return place;
    };
    afterEach(() => {
      for (const place of places.splice(0)) place.close();
    });
    journalRows(open);
    journalEnds(open);
    journalFailures(open);
    stateTransactions(open);
    stateFailures(open);
    stateSlots(open);
    snapshots(open);
  });
}
