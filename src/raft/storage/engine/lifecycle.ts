/** Opening and closing of a store's two files. */
import { isTransient, toFailure, type FailureData } from '../failure.js';
import type { StoreFiles } from '../files.js';
import type { OpenSnapshots } from './open-snapshots.js';
import type { Opened } from './protocol.js';

/** Reads what recovery starts from: everything in the files besides journal rows and state rows. */
export function openedStore({ journal, state }: StoreFiles): Opened {
  const groups = state.groups();
  const { truncatedTo } = journal;
  return {
    groups,
    metas: journal.metas(),
    journal: {
      truncatedTo,
      knownDurable: Math.max(journal.closed, state.journal),
      last: journal.last ?? truncatedTo,
      checkpoints: state.checkpoints,
      checkpointsDue: journal.checkpointsDue,
    },
    nextSlot: Math.max(0, ...groups.map(({ slot }) => slot), ...state.garbage()) + 1,
    stateBytes: state.bytes,
  };
}

/**
 * Closes both files and releases the folder even after an error, because another store of this process may open it.
 * `markDurable`: records in both files that the journal is durable to its end. That needs space; without it nothing is
 * recorded, as after a crash. Returns the first error that is not a lack of space.
 */
export function closeFiles(
  files: StoreFiles,
  snapshots: Pick<OpenSnapshots, 'closeAll'>,
  markDurable: boolean,
): FailureData | undefined {
  const { state, journal } = files;
  let failed: FailureData | undefined;
  const attempt = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      const failure = toFailure(error, 'close');
      if (!isTransient(failure)) failed ??= failure;
    }
  };
  attempt(() => {
    snapshots.closeAll();
  });
  attempt(() => {
    if (markDurable) state.markDurableTo(journal.markAllDurable());
  });
  attempt(() => {
    state.close();
  });
  attempt(() => {
    journal.close();
  });
  files.release();
  return failed;
}
