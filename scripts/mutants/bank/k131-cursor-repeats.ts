/**
 * K131: A cursor leads to the last key of its page instead of behind it, so that the next page begins with the same key.
 */
import type { Mutant } from '../mutant.js';

export const k131: Mutant = {
  id: 'K131',
  title: 'a cursor leads to the last key of its page, which is in the next one again',
  caughtBy: ['sim-ranges'],
  edits: [
    {
      file: 'src/router/dispatch/list-page.ts',
      find: '(prefixEndOf(key) ?? BEHIND_ALL_KEYS) : behindKey(key);',
      replace: '(prefixEndOf(key) ?? BEHIND_ALL_KEYS) : key;',
    },
  ],
};
