/**
 * Feeds the leader's core with snapshot chunks (§7): one reader per group and follower, read piece by piece.
 *
 * Knows storage and the core's `offerChunk`; knows nothing of what the bytes mean.
 */
import type { NodeId, SnapshotReader, Storage } from '../raft/index.js';
import type { Group } from './group.js';

/** A reader that nobody asked for so long is closed; it keeps old pages of the state alive. */
const ABANDONED_MS = 30_000;

interface Sending {
  readonly reader: SnapshotReader;
  next: number;
  askedAt: number;
  busy: boolean;
}

export interface SnapshotSenderHost {
  readonly chunkBytes: number;
  now(): number;
  /** Runs `task` in a turn of the node, for this group. */
  inTurn(group: Group, task: () => void): void;
  /** There is no checkpoint of the group to send: take one. */
  wantCheckpoint(group: Group): void;
  onFailure(error: Error): void;
}

export class SnapshotSender {
  readonly #sendings = new Map<string, Sending>();
  readonly #storage: Storage;
  readonly #host: SnapshotSenderHost;

  constructor(storage: Storage, host: SnapshotSenderHost) {
    this.#storage = storage;
    this.#host = host;
  }

  want(group: Group, to: NodeId, sequence: number): void {
    const name = `${group.id}/${to}`;
    const sending = this.#sendings.get(name);
    if (sending?.busy === true) return;
    this.#offer(group, to, sequence, name, sending).catch((error: unknown) => {
      this.#host.onFailure(error instanceof Error ? error : new Error(String(error)));
    });
  }

  async #offer(group: Group, to: NodeId, sequence: number, name: string, known: Sending | undefined): Promise<void> {
    let sending = known;
    if (sequence === 0) {
      this.#close(name);
      const reader = await this.#storage.openSnapshot(group.id);
      this.#close(name);
      sending = reader && { reader, next: 0, askedAt: 0, busy: false };
      if (sending === undefined) this.#host.wantCheckpoint(group);
      else this.#sendings.set(name, sending);
    }
    if (sending?.next !== sequence) {
      // The core asks again, from the start.
      this.#host.inTurn(group, () => {
        group.raft.chunkUnavailable(to);
      });
      return;
    }
    const { reader } = sending;
    sending.busy = true;
    const { data, done } = await reader.next(this.#host.chunkBytes);
    sending.busy = false;
    sending.next++;
    sending.askedAt = this.#host.now();
    if (done) this.#close(name);
    this.#host.inTurn(group, () => {
      group.raft.offerChunk(to, reader.meta, sequence, data, done);
    });
  }

  /** Closes readers that no follower asks for any more. */
  sweep(now: number): void {
    for (const [name, { askedAt, busy }] of this.#sendings) {
      if (!busy && now - askedAt > ABANDONED_MS) this.#close(name);
    }
  }

  close(): void {
    for (const name of [...this.#sendings.keys()]) this.#close(name);
  }

  #close(name: string): void {
    this.#sendings.get(name)?.reader.close();
    this.#sendings.delete(name);
  }
}
