/**
 * K8: of two hard states of a group that share a commit the first is kept.
 * A vote that was given and answered is not on disk.
 */
import type { Mutant } from '../mutant.js';

export const k8: Mutant = {
  id: 'K8',
  title: 'of two hard states in one commit the older is kept',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/commit-pipeline.ts',
      find: `hardStates.set(group, write.hardState ?? hardStates.get(group));`,
      replace: `hardStates.set(group, hardStates.get(group) ?? write.hardState);`,
    },
  ],
};
