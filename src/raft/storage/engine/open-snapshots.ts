/** The snapshots that are open for reading, by number. Runs in the worker. */
import { isTransient, toFailure } from '../failure.js';
import type { SnapshotSource } from '../files.js';
import type { Results } from './protocol.js';

export class OpenSnapshots {
  readonly #sources = new Map<number, SnapshotSource>();
  #next = 1;

  /** Copies the snapshot in steps. Undefined if the group has none, or there is no space for the copy. */
  *open(source: () => SnapshotSource | undefined): Generator<undefined, Results['snapshot-open'], undefined> {
    const copied = yield* copySnapshot(source());
    if (copied === undefined) return undefined;
    const id = this.#next++;
    this.#sources.set(id, copied);
    return { id, meta: copied.meta, bytes: copied.bytes };
  }

  read(id: number, maxBytes: number): Results['snapshot-next'] {
    const source = this.#sources.get(id);
    if (source === undefined) throw new Error('the snapshot is closed');
    return source.next(maxBytes);
  }

  close(id: number): void {
    this.#sources.get(id)?.close();
    this.#sources.delete(id);
  }

  closeAll(): void {
    for (const source of this.#sources.values()) source.close();
    this.#sources.clear();
  }
}

/**
 * Copies a snapshot out of the state in slices, between which journal commits run. If there was no space for the copy
 * or no file descriptor, closes the source and returns undefined: the caller retries, and nothing else waits for it.
 */
function* copySnapshot(
  source: SnapshotSource | undefined,
): Generator<undefined, SnapshotSource | undefined, undefined> {
  try {
    while (source?.prepare() === true) yield;
    return source;
  } catch (error) {
    source?.close();
    if (!isTransient(toFailure(error, 'copying a snapshot'))) throw error;
    return undefined;
  }
}
