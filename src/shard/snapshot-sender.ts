/**
 * Feeds the leader's core with snapshot chunks (§7): one reader per group and follower, read piece by piece.
 *
 * Knows storage and the core's `offerChunk`; knows nothing of what the bytes mean.
 */
import type { GroupId, NodeId, SnapshotMeta, SnapshotReader, Storage } from '../raft/index.js';
import type { Group } from './group.js';

/** A reader that nobody asked for so long is closed; it keeps old pages of the state alive. */
const ABANDONED_MS = 30_000;

/** One follower's snapshot of one group. */
interface Sending {
  reader: SnapshotReader | undefined;
  /** The chunk that `reader` gives next. */
  next: number;
  /** The chunk that the core has asked for and that nobody has begun to fetch. */
  wanted: number | undefined;
  askedAt: number;
  busy: boolean;
}

interface Chunk {
  readonly meta: SnapshotMeta;
  readonly data: Uint8Array;
  readonly done: boolean;
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

  /** The latest ask counts: the core may have begun anew while a chunk for its last try was being fetched. */
  want(group: Group, to: NodeId, sequence: number): void {
    const name = `${group.id}/${to}`;
    let sending = this.#sendings.get(name);
    if (sending === undefined) {
      sending = { reader: undefined, next: 0, wanted: undefined, askedAt: 0, busy: false };
      this.#sendings.set(name, sending);
    }
    sending.wanted = sequence;
    sending.askedAt = this.#host.now();
    if (sending.busy) return;
    sending.busy = true;
    this.#serve(group, to, sending).catch((error: unknown) => {
      this.#host.onFailure(error instanceof Error ? error : new Error(String(error)));
    });
  }

  async #serve(group: Group, to: NodeId, sending: Sending): Promise<void> {
    while (sending.wanted !== undefined) {
      const sequence = sending.wanted;
      sending.wanted = undefined;
      const chunk = await this.#fetch(group.id, sending, sequence);
      if (this.#hasNewWish(sending)) continue;
      if (chunk === undefined && sequence === 0) this.#host.wantCheckpoint(group);
      this.#host.inTurn(group, () => {
        if (chunk === undefined) group.raft.chunkUnavailable(to);
        else group.raft.offerChunk(to, chunk.meta, sequence, chunk.data, chunk.done);
      });
    }
    sending.busy = false;
  }

  /** A call, for the compiler does not see that it can change while a chunk is fetched. */
  #hasNewWish({ wanted }: Sending): boolean {
    return wanted !== undefined;
  }

  /** Undefined: there is no checkpoint of the group, or its reader is at another chunk. */
  async #fetch(group: GroupId, sending: Sending, sequence: number): Promise<Chunk | undefined> {
    if (sequence === 0) {
      closeReader(sending);
      sending.reader = await this.#storage.openSnapshot(group);
      sending.next = 0;
    }
    const { reader } = sending;
    if (reader === undefined || sending.next !== sequence) return undefined;
    const { data, done } = await reader.next(this.#host.chunkBytes);
    sending.next++;
    sending.askedAt = this.#host.now();
    if (done) closeReader(sending);
    return { meta: reader.meta, data, done };
  }

  /** Closes readers that no follower asks for any more. */
  sweep(now: number): void {
    for (const [name, sending] of this.#sendings) {
      if (sending.busy || now - sending.askedAt <= ABANDONED_MS) continue;
      closeReader(sending);
      this.#sendings.delete(name);
    }
  }

  close(): void {
    for (const sending of this.#sendings.values()) closeReader(sending);
    this.#sendings.clear();
  }
}

function closeReader(sending: Sending): void {
  sending.reader?.close();
  sending.reader = undefined;
}
