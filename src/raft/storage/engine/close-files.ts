/** The end of a store's two files: closed and let go whatever happens, for another store of this process may open them. */
import { isPassing, toFailure, type Failure } from '../failure.js';
import type { StoreFiles } from '../files.js';
import type { OpenSnapshots } from './open-snapshots.js';

/**
 * `vouches`: they say up to where the journal is whole. That takes room; where there is none they say nothing, as after
 * a crash. Answers why it was not closed in order.
 */
export function closeFiles(
  files: StoreFiles,
  snapshots: Pick<OpenSnapshots, 'closeAll'>,
  vouches: boolean,
): Failure | undefined {
  const { state, journal } = files;
  let failed: Failure | undefined;
  const attempt = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      const failure = toFailure(error, 'close');
      if (!isPassing(failure)) failed ??= failure;
    }
  };
  attempt(() => {
    snapshots.closeAll();
  });
  attempt(() => {
    if (vouches) state.vouchFor(journal.vouch());
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
