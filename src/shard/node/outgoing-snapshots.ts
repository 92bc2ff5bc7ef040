/**
 * Feeds the leaders' cores with snapshot chunks (§7): one reader per group and follower, read piece by piece.
 *
 * All chunks under way to one follower, of all groups, share a window of bytes: what else goes to it waits behind so much
 * and no more, and a follower that needs every shard's snapshot over a narrow link gets them one after the other instead
 * of all at once. A transfer that has begun goes before those that have not, so each is as short, and its snapshot as
 * young, as the link allows; small ones share the window.
 *
 * Knows storage and the core's `offerChunk`; knows nothing of what the bytes mean.
 */
import type { GroupId, NodeId, SnapshotMeta, SnapshotReader, Storage } from '../../raft/index.js';
import type { Replica } from './replica.js';
import { shardOfGroup } from '../cluster/index.js';
import { asError } from '../../thrown.js';

/** One follower's snapshot of one group. */
interface OutgoingTransfer {
  readonly group: Replica;
  readonly to: NodeId;
  reader: SnapshotReader | undefined;
  /** The chunk that `reader` gives next: so many were given of this snapshot. */
  next: number;
  /** Bytes of these. */
  bytes: number;
  /** Of all of them, as far as the storage says. */
  totalBytes: number | undefined;
  /** The chunk that the core has asked for and that nobody has begun to fetch. */
  wanted: number | undefined;
  /** The chunk that was offered to the core last. */
  offered: number | undefined;
  /** Bytes of the window that it takes: while a chunk is fetched as many as it may have, then as many as it has. */
  reserved: number;
  askedAt: number;
  busy: boolean;
}

/** How far a snapshot is that a follower is being sent. One that begins anew begins at 0. */
export interface OutgoingSnapshot {
  /** −1: the system group. */
  readonly shard: number;
  readonly to: NodeId;
  /** What the storage gave out for it; all but the last chunk were received. */
  readonly chunks: number;
  readonly bytes: number;
  /** Undefined: not open yet, or a storage that does not say. */
  readonly totalBytes: number | undefined;
}

interface Chunk {
  readonly meta: SnapshotMeta;
  readonly data: Uint8Array;
  readonly done: boolean;
}

export interface OutgoingSnapshotsHost {
  /** Of one chunk; a row that is longer travels alone. */
  readonly chunkBytes: number;
  /** Of all chunks under way to one follower, but for those that are taken for stuck; exceeded by less than one chunk. */
  readonly windowBytes: number;
  /**
   * A reader that nobody asked for so long (ms) is closed, for its copy of the state takes room, unless a chunk of it is on its way
   * to a follower that is there: on a narrow link one takes longer. And a chunk that was not answered for so long is taken for stuck,
   * if others to that follower are answered sooner.
   */
  readonly patienceMs: number;
  now(): number;
  /** Runs `task` in a turn of the node, for this group. */
  inTurn(group: Replica, task: () => void): void;
  /** There is no checkpoint of the group to send: take one. */
  wantCheckpoint(group: Replica): void;
  onFailure(error: Error): void;
}

export class OutgoingSnapshots {
  /** In the order in which they asked last. */
  readonly #transfers = new Map<string, OutgoingTransfer>();
  /** After how long (ms) a chunk to a follower is taken for stuck, where that is longer than at others. */
  readonly #patienceMs = new Map<NodeId, number>();
  readonly #storage: Storage;
  readonly #host: OutgoingSnapshotsHost;
  #isClosed = false;

  constructor(storage: Storage, host: OutgoingSnapshotsHost) {
    this.#storage = storage;
    this.#host = host;
  }

  /** The latest ask counts: the core may have begun anew while a chunk for its last try was being fetched. */
  request(group: Replica, to: NodeId, sequence: number): void {
    const name = `${group.id}/${to}`;
    const sending = this.#transfers.get(name) ?? newSending(group, to);
    this.#transfers.delete(name);
    this.#transfers.set(name, sending);
    if (sending.offered !== undefined && sequence === sending.offered + 1) this.#answered(sending);
    sending.wanted = sequence;
    sending.askedAt = this.#host.now();
  }

  /** What waits behind it for the link takes no longer, if it is the link that is slow. */
  #answered({ to, askedAt }: OutgoingTransfer): void {
    const tookMs = this.#host.now() - askedAt;
    this.#patienceMs.set(to, Math.max(this.#host.patienceMs, 2 * tookMs));
  }

  /** To be called at the end of each turn: begins to fetch what was asked for, as far as the windows go. */
  pump(): void {
    if (this.#transfers.size === 0) return;
    const now = this.#host.now();
    this.sweep(now);
    const taken = this.#release(now);
    for (const begun of [true, false]) {
      for (const sending of this.#transfers.values()) {
        if (sending.busy || sending.wanted === undefined || sending.wanted > 0 !== begun) continue;
        const before = taken.get(sending.to) ?? 0;
        if (before >= this.#host.windowBytes) continue;
        sending.reserved = this.#host.chunkBytes;
        taken.set(sending.to, before + sending.reserved);
        this.#begin(sending);
      }
    }
  }

  /**
   * Gives back what nothing is under way for. A group that is stuck stops no other; but where all are slow each that goes in
   * addition makes all of them slower, so it takes twice as long until the next do.
   * @returns what is taken of each window
   */
  #release(now: number): Map<NodeId, number> {
    const taken = new Map<NodeId, number>();
    const stuck = new Set<NodeId>();
    for (const [name, sending] of this.#transfers) {
      const { to, busy, reserved, askedAt } = sending;
      if (isOver(sending)) {
        closeReader(sending);
        this.#transfers.delete(name);
        continue;
      }
      if (!busy && !isUnderWay(sending)) sending.reserved = 0;
      else if (!busy && reserved > 0 && now - askedAt >= this.#patienceWith(to)) {
        sending.reserved = 0;
        stuck.add(to);
      }
      taken.set(to, (taken.get(to) ?? 0) + sending.reserved);
    }
    for (const to of stuck) this.#patienceMs.set(to, 2 * this.#patienceWith(to));
    if (this.#transfers.size === 0) this.#patienceMs.clear();
    return taken;
  }

  #patienceWith(to: NodeId): number {
    return this.#patienceMs.get(to) ?? this.#host.patienceMs;
  }

  #begin(sending: OutgoingTransfer): void {
    sending.busy = true;
    this.#serve(sending).catch((error: unknown) => {
      this.#host.onFailure(asError(error));
    });
  }

  async #serve(sending: OutgoingTransfer): Promise<void> {
    const { group, to } = sending;
    let sequence = 0;
    let chunk: Chunk | undefined;
    while (sending.wanted !== undefined) {
      sequence = sending.wanted;
      sending.wanted = undefined;
      chunk = await this.#fetch(group.id, sending, sequence);
    }
    if (this.#isClosed) return;
    if (chunk === undefined && sequence === 0) this.#host.wantCheckpoint(group);
    this.#host.inTurn(group, () => {
      sending.busy = false;
      sending.reserved = chunk?.data.length ?? 0;
      sending.offered = sequence;
      if (chunk === undefined) group.raft.chunkUnavailable(to);
      else group.raft.offerChunk(to, chunk.meta, sequence, chunk.data, chunk.done);
    });
  }

  /** Undefined: there is no checkpoint of the group, or its reader is at another chunk. */
  async #fetch(group: GroupId, sending: OutgoingTransfer, sequence: number): Promise<Chunk | undefined> {
    if (sequence === 0) {
      closeReader(sending);
      sending.reader = await this.#storage.openSnapshot(group);
      if (this.#isClosed) closeReader(sending);
      sending.next = 0;
      sending.bytes = 0;
      sending.totalBytes = sending.reader?.bytes;
    }
    const { reader } = sending;
    if (reader === undefined || sending.next !== sequence) return undefined;
    const { data, done } = await reader.next(this.#host.chunkBytes);
    sending.next++;
    sending.bytes += data.length;
    sending.askedAt = this.#host.now();
    if (done) closeReader(sending);
    return { meta: reader.meta, data, done };
  }

  /** Closes readers that no follower asks for any more. */
  sweep(now: number): void {
    for (const [name, sending] of this.#transfers) {
      if (sending.busy || sending.wanted !== undefined || now - sending.askedAt <= this.#host.patienceMs) continue;
      if (isUnderWay(sending) && !sending.group.raft.isGone(sending.to)) continue;
      closeReader(sending);
      this.#transfers.delete(name);
    }
  }

  /** Those of which the follower has not said that it has them. */
  outgoing(): OutgoingSnapshot[] {
    const underWay = [...this.#transfers.values()].filter((sending) => !isOver(sending));
    return underWay.map(({ group, to, next: chunks, bytes, totalBytes }) => {
      return { shard: shardOfGroup(group.id), to, chunks, bytes, totalBytes };
    });
  }

  /** Lets go of every copy of a state, also of one that is being made: the node stops, or has failed. */
  close(): void {
    this.#isClosed = true;
    for (const sending of this.#transfers.values()) closeReader(sending);
    this.#transfers.clear();
  }
}

const newSending = (group: Replica, to: NodeId): OutgoingTransfer => ({
  group,
  to,
  reader: undefined,
  next: 0,
  bytes: 0,
  totalBytes: undefined,
  wanted: undefined,
  offered: undefined,
  reserved: 0,
  askedAt: 0,
  busy: false,
});

function isUnderWay({ group, to, offered }: OutgoingTransfer): boolean {
  const transfer = group.raft.snapshotTo(to);
  return transfer?.isUnderWay === true && transfer.sequence === offered;
}

/** The follower has it, or this node leads the group no more. */
function isOver({ busy, group, to }: OutgoingTransfer): boolean {
  return !busy && group.raft.snapshotTo(to) === undefined;
}

function closeReader(sending: OutgoingTransfer): void {
  sending.reader?.close();
  sending.reader = undefined;
}
