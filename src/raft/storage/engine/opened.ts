/** What a store's two files say when they have just been opened. */
import type { StoreFiles } from '../files.js';
import type { Opened } from './protocol.js';

export function openedOf({ journal, state }: StoreFiles): Opened {
  const groups = state.groups();
  const { trimmed } = journal;
  return {
    groups,
    metas: journal.metas(),
    facts: {
      trimmed,
      vouched: Math.max(journal.closed, state.journal),
      last: journal.last ?? trimmed,
      checkpoints: state.checkpoints,
      checkpointsDue: journal.checkpointsDue,
    },
    nextSlot: Math.max(0, ...groups.map(({ slot }) => slot), ...state.garbage()) + 1,
    stateBytes: state.bytes,
  };
}
