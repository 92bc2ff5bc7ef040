/**
 * Reads snapshots from storage and offers them to the leaders' cores chunk by chunk (§7): one reader per group and
 * follower.
 *
 * All chunks under way to one follower, of all groups, share a window of bytes: other messages to it wait behind no more
 * than that, and a follower that needs every shard's snapshot over a narrow link gets them one after the other instead
 * of all at once. Transfers that have begun go before those that have not, so each is as short, and its snapshot as
 * recent, as the link allows; small ones share the window.
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
  /** The chunk that the core has asked for and that is not being fetched yet. */
  wanted: number | undefined;
  /** The chunk that was offered to the core last. */
  offered: number | undefined;
  /** Bytes of the window that it takes: while a chunk is fetched as many as it may have, then as many as it has. */
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
  /** Of the whole snapshot. Undefined: not open yet, or the storage does not know. */
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

  /** The latest request counts: the core may have restarted the transfer while a chunk of the last one was being fetched. */
  request(group: Replica, to: NodeId, sequence: number): void {
    const name = `${group.id}/${to}`;
    const transfer = this.#transfers.get(name) ?? newTransfer(group, to);
    this.#transfers.delete(name);
    this.#transfers.set(name, transfer);
    if (transfer.offered !== undefined && sequence === transfer.offered + 1) this.#answered(transfer);
    transfer.wanted = sequence;
    transfer.askedAt = this.#host.now();
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
   * Gives back what nothing is under way for. A group that is stuck stops no other; but where all are slow each that goes in
   * addition makes all of them slower, so it takes twice as long until the next do.
   * @returns what is taken of each window
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

  /** Undefined: there is no checkpoint of the group, or its reader is at another chunk. */
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

  /** Closes readers whose follower requests nothing any more. */
  sweep(now: number): void {
    for (const [name, transfer] of this.#transfers) {
      if (transfer.busy || transfer.wanted !== undefined || now - transfer.askedAt <= this.#host.patienceMs) continue;
      if (isUnderWay(transfer) && !transfer.group.raft.isGone(transfer.to)) continue;
      closeReader(transfer);
      this.#transfers.delete(name);
    }
  }

  /** Those that the follower has not acknowledged completely. */
  outgoing(): OutgoingSnapshot[] {
    const underWay = [...this.#transfers.values()].filter((transfer) => !isOver(transfer));
    return underWay.map(({ group, to, next: chunks, bytes, totalBytes }) => {
      return { shard: shardOfGroup(group.id), to, chunks, bytes, totalBytes };
    });
  }

  /** Releases every copy of a state, also one that is being made: the node stops, or has failed. */
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

/** The follower has it, or this node no longer leads the group. */
function isOver({ busy, group, to }: OutgoingTransfer): boolean {
  return !busy && group.raft.snapshotTo(to) === undefined;
}

function closeReader(transfer: OutgoingTransfer): void {
  transfer.reader?.close();
  transfer.reader = undefined;
}
