/** Copies a snapshot out of the state in slices, between which journal commits go on. Runs in the worker. */
import { isPassing, toFailure } from '../failure.js';
import type { SnapshotSource } from '../files.js';

/**
 * Undefined, and closed: there was no room for the copy, or no descriptor. Whoever asked for the snapshot asks again, and
 * nothing else waits for it.
 */
export function* copySnapshot(
  source: SnapshotSource | undefined,
): Generator<undefined, SnapshotSource | undefined, undefined> {
  try {
    while (source?.prepare() === true) yield;
    return source;
  } catch (error) {
    source?.close();
    if (!isPassing(toFailure(error, 'copying a snapshot'))) throw error;
    return undefined;
  }
}
