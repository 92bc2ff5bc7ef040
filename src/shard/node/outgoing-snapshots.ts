/**
 * Reads snapshots from storage and offers them to the leaders' cores chunk by chunk (§7): one reader per group and
 * follower.
 *
 * All chunks in flight to one follower, over all groups, share a window of bytes: other messages to it wait behind no
 * more than that, and a follower that needs every shard's snapshot over a narrow link gets them one after the other
 * instead of all at once. Transfers that have begun precede those that have not, so each is as short, and its snapshot
 * as recent, as the link allows; small ones share the window.
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
  /** Number of the next chunk of `reader`, which is the count of chunks read so far. */
  next: number;
  /** Bytes of the chunks read so far. */
  bytes: number;
  /** Bytes of all chunks; undefined if the storage does not know. */
  totalBytes: number | undefined;
  /** The chunk that the core has requested and that is not being fetched yet. */
  wanted: number | undefined;
  /** The chunk that was offered to the core last. */
  offered: number | undefined;
  /** Bytes of the window in use: the maximum while a chunk is being fetched, then the chunk's actual size. */
  reserved: number;
  askedAt: number;
  busy: boolean;
}

/** Progress of a snapshot that is being sent to a follower. A transfer that restarts begins at 0. */
export interface OutgoingSnapshot {
  /** −1: the system group. */
  readonly shard: number;
  readonly to: NodeId;
  /** Chunks read from storage so far; the follower has received all but the last. */
  readonly chunks: number;
  readonly bytes: number;
  /** Bytes of the whole snapshot. Undefined: not open yet, or the storage does not know. */
  readonly totalBytes: number | undefined;
}

interface Chunk {
  readonly meta: SnapshotMeta;
  readonly data: Uint8Array;
  readonly done: boolean;
}

export interface OutgoingSnapshotsHost {
  /** Bytes of one chunk; a longer row is sent alone. */
  readonly chunkBytes: number;
  /** Bytes of all chunks in flight to one follower, without those considered stuck; exceeded by less than one chunk. */
  readonly windowBytes: number;
  /**
   * A reader without requests for this long (ms) is closed, because its copy of the state takes space, unless one of
   * its chunks is in flight to a follower that is present: on a narrow link a chunk takes longer. And a chunk that was
   * not answered for this long is considered stuck, if others to that follower are answered sooner.
   */
  readonly patienceMs: number;
  now(): number;
  /** Runs `task` in a turn of the node, for this group. */
  inTurn(group: Replica, task: () => void): void;
  /** Called when the group has no checkpoint to send: one should be taken. */
  wantCheckpoint(group: Replica): void;
  onFailure(error: Error): void;
}

export class OutgoingSnapshots {
  /** In the order of their latest requests. */
  readonly #transfers = new Map<string, OutgoingTransfer>();
  /** After how long (ms) a chunk to a follower is considered stuck, where that is longer than the default. */
  readonly #patienceMs = new Map<NodeId, number>();
  readonly #storage: Storage;
  readonly #host: OutgoingSnapshotsHost;
  #isClosed = false;

  constructor(storage: Storage, host: OutgoingSnapshotsHost) {
    this.#storage = storage;
    this.#host = host;
  }

  /** The latest request counts: the core may have restarted the transfer while an earlier chunk was being fetched. */
  request(group: Replica, to: NodeId, sequence: number): void {
    const name = `${group.id}/${to}`;
    const transfer = this.#transfers.get(name) ?? newTransfer(group, to);
    this.#transfers.delete(name);
    this.#transfers.set(name, transfer);
    if (transfer.offered !== undefined && sequence === transfer.offered + 1) this.#answered(transfer);
    transfer.wanted = sequence;
    transfer.askedAt = this.#host.now();
  }

  /**
   * Adapts the patience to the time that the answer took: if the link is slow, chunks that wait for it are not stuck.
   */
  #answered({ to, askedAt }: OutgoingTransfer): void {
    const tookMs = this.#host.now() - askedAt;
    this.#patienceMs.set(to, Math.max(this.#host.patienceMs, 2 * tookMs));
  }

  /** To be called at the end of each turn: begins to fetch requested chunks, as far as the windows allow. */
  pump(): void {
    if (this.#transfers.size === 0) return;
    const now = this.#host.now();
    this.sweep(now);
    const taken = this.#release(now);
    for (const begun of [true, false]) {
      for (const transfer of this.#transfers.values()) {
        if (transfer.busy || transfer.wanted === undefined || transfer.wanted > 0 !== begun) continue;
        const before = taken.get(transfer.to) ?? 0;
        if (before >= this.#host.windowBytes) continue;
        transfer.reserved = this.#host.chunkBytes;
        taken.set(transfer.to, before + transfer.reserved);
        this.#begin(transfer);
      }
    }
  }

  /**
   * Releases reservations of transfers without a chunk in flight, or with a stuck one, so that one stuck group does not
   * stop others. But if all are slow, every further transfer slows all of them down, so the patience is doubled each
   * time.
   * @returns the bytes in use of each window
   */
  #release(now: number): Map<NodeId, number> {
    const taken = new Map<NodeId, number>();
    const stuck = new Set<NodeId>();
    for (const [name, transfer] of this.#transfers) {
      const { to, busy, reserved, askedAt } = transfer;
      if (isOver(transfer)) {
        closeReader(transfer);
        this.#transfers.delete(name);
        continue;
      }
      if (!busy && !isUnderWay(transfer)) transfer.reserved = 0;
      else if (!busy && reserved > 0 && now - askedAt >= this.#patienceWith(to)) {
        transfer.reserved = 0;
        stuck.add(to);
      }
      taken.set(to, (taken.get(to) ?? 0) + transfer.reserved);
    }
    for (const to of stuck) this.#patienceMs.set(to, 2 * this.#patienceWith(to));
    if (this.#transfers.size === 0) this.#patienceMs.clear();
    return taken;
  }

  #patienceWith(to: NodeId): number {
    return this.#patienceMs.get(to) ?? this.#host.patienceMs;
  }

  #begin(transfer: OutgoingTransfer): void {
    transfer.busy = true;
    this.#serve(transfer).catch((error: unknown) => {
      this.#host.onFailure(asError(error));
    });
  }

  async #serve(transfer: OutgoingTransfer): Promise<void> {
    const { group, to } = transfer;
    let sequence = 0;
    let chunk: Chunk | undefined;
    while (transfer.wanted !== undefined) {
      sequence = transfer.wanted;
      transfer.wanted = undefined;
      chunk = await this.#fetch(group.id, transfer, sequence);
    }
    if (this.#isClosed) return;
    if (chunk === undefined && sequence === 0) this.#host.wantCheckpoint(group);
    this.#host.inTurn(group, () => {
      transfer.busy = false;
      transfer.reserved = chunk?.data.length ?? 0;
      transfer.offered = sequence;
      if (chunk === undefined) group.raft.chunkUnavailable(to);
      else group.raft.offerChunk(to, chunk.meta, sequence, chunk.data, chunk.done);
    });
  }

  /** Reads a chunk. Undefined: there is no checkpoint of the group, or its reader is at another chunk. */
  async #fetch(group: GroupId, transfer: OutgoingTransfer, sequence: number): Promise<Chunk | undefined> {
    if (sequence === 0) {
      closeReader(transfer);
      transfer.reader = await this.#storage.openSnapshot(group);
      if (this.#isClosed) closeReader(transfer);
      transfer.next = 0;
      transfer.bytes = 0;
      transfer.totalBytes = transfer.reader?.bytes;
    }
    const { reader } = transfer;
    if (reader === undefined || transfer.next !== sequence) return undefined;
    const { data, done } = await reader.next(this.#host.chunkBytes);
    transfer.next++;
    transfer.bytes += data.length;
    transfer.askedAt = this.#host.now();
    if (done) closeReader(transfer);
    return { meta: reader.meta, data, done };
  }

  /** Closes readers without further requests. */
  sweep(now: number): void {
    for (const [name, transfer] of this.#transfers) {
      if (transfer.busy || transfer.wanted !== undefined || now - transfer.askedAt <= this.#host.patienceMs) continue;
      if (isUnderWay(transfer) && !transfer.group.raft.isGone(transfer.to)) continue;
      closeReader(transfer);
      this.#transfers.delete(name);
    }
  }

  /** Transfers that the follower has not completely acknowledged. */
  outgoing(): OutgoingSnapshot[] {
    const underWay = [...this.#transfers.values()].filter((transfer) => !isOver(transfer));
    return underWay.map(({ group, to, next: chunks, bytes, totalBytes }) => {
      return { shard: shardOfGroup(group.id), to, chunks, bytes, totalBytes };
    });
  }

  /** Called when the node stops or has failed: releases every copy of a state, also one that is being made. */
  close(): void {
    this.#isClosed = true;
    for (const transfer of this.#transfers.values()) closeReader(transfer);
    this.#transfers.clear();
  }
}

const newTransfer = (group: Replica, to: NodeId): OutgoingTransfer => ({
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
  const inCore = group.raft.snapshotTo(to);
  return inCore?.isUnderWay === true && inCore.sequence === offered;
}

/** The follower has the snapshot, or this node no longer leads the group. */
function isOver({ busy, group, to }: OutgoingTransfer): boolean {
  return !busy && group.raft.snapshotTo(to) === undefined;
}

function closeReader(transfer: OutgoingTransfer): void {
  transfer.reader?.close();
  transfer.reader = undefined;
}
