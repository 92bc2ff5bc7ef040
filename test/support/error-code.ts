/** What a call throws, as one word: the code of a `KvorumError`, the name of another error, or `none`. */
import { KvorumError } from '../../src/shard/errors.js';

export function codeOf(task: () => unknown): string {
  try {
    task();
  } catch (error) {
    return error instanceof KvorumError ? error.code : (error as Error).name;
  }
  return 'none';
}
