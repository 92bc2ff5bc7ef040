/** The snapshots that are being given out, by number. Runs in the worker. */
import { isTransient, toFailure } from '../failure.js';
import type { SnapshotSource } from '../files.js';
import type { Results } from './protocol.js';

export class OpenSnapshots {
  readonly #sources = new Map<number, SnapshotSource>();
  #next = 1;

  /** Copies it in steps. Undefined if there is none, or no room for the copy. */
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
 * Undefined, and closed: there was no room for the copy, or no descriptor. Whoever asked for the snapshot asks again, and
 * nothing else waits for it.
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
