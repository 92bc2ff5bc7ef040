/** The two files of a store, just opened and about to be closed. */
import { isTransient, toFailure, type FailureData } from '../failure.js';
import type { StoreFiles } from '../files.js';
import type { OpenSnapshots } from './open-snapshots.js';
import type { Opened } from './protocol.js';

/** What the files contain besides journal rows and state rows: where recovery starts. */
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
 * Closes both and releases the folder whatever happens, for another store of this process may open it.
 * `markDurable`: notes in both up to where the journal is durable. That takes room; where there is none nothing is noted,
 * as after a crash. Returns the first error, other than one for want of room.
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
