/**
 * The sender's side of one snapshot on its way to one member: one chunk at a time, each answered before the next.
 *
 *     wanted   the owner was asked for chunk `sequence`
 *     later    the owner could not give it: ask again after a while, for the first chunk of whatever snapshot it has then
 *     sent     the chunk left: wait for the answer, send it again if there is none
 *
 * Knows nothing of what a chunk holds, nor of the log.
 */
import type { SnapshotMeta } from './types.js';

export interface OutgoingChunk {
  readonly meta: SnapshotMeta;
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly done: boolean;
}

type Phase =
  | { readonly type: 'wanted' }
  | { readonly type: 'later'; ticks: number }
  | { readonly type: 'sent'; readonly chunk: OutgoingChunk; ticks: number };

export interface TransferTimeouts {
  readonly askAgainTicks: number;
  readonly resendTicks: number;
}

export class SnapshotTransfer {
  #phase: Phase = { type: 'wanted' };
  #sequence = 0;
  #meta: SnapshotMeta | undefined;

  /** The chunk that is wanted, or on its way. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The snapshot on its way; undefined until its first chunk is there. */
  get meta(): SnapshotMeta | undefined {
    return this.#meta;
  }

  /** Takes the chunk that was asked for. False: it is not that one, or of another snapshot, and so of no use. */
  offer(chunk: OutgoingChunk): boolean {
    if (this.#phase.type !== 'wanted' || chunk.sequence !== this.#sequence) return false;
    const meta = this.#meta;
    if (chunk.sequence > 0 && (meta?.index !== chunk.meta.index || meta.term !== chunk.meta.term)) {
      this.unavailable();
      return false;
    }
    this.#meta = chunk.meta;
    this.#phase = { type: 'sent', chunk, ticks: 0 };
    return true;
  }

  /** The rest of a snapshot that the owner cannot give now it may never be able to give again: the next try begins anew. */
  unavailable(): void {
    if (this.#phase.type !== 'wanted') return;
    this.#phase = { type: 'later', ticks: 0 };
    this.#sequence = 0;
    this.#meta = undefined;
  }

  /** The receiver asks for chunk `wanted`. True: the owner must be asked for `sequence` now. */
  answered(wanted: number): boolean {
    if (this.#phase.type !== 'sent') return false;
    const restart = wanted === 0 && this.#sequence > 0;
    if (!restart && wanted !== this.#sequence + 1) return false;
    this.#sequence = wanted;
    this.#phase = { type: 'wanted' };
    return true;
  }

  /** One tick. Tells what is due: ask the owner for `sequence` (again), or send a chunk again. */
  tick(timeouts: TransferTimeouts, receiverActive: boolean): 'nothing' | 'ask' | OutgoingChunk {
    const phase = this.#phase;
    if (phase.type === 'wanted') return 'nothing';
    phase.ticks++;
    if (phase.type === 'later') {
      if (phase.ticks < timeouts.askAgainTicks) return 'nothing';
      this.#phase = { type: 'wanted' };
      return 'ask';
    }
    if (phase.ticks < timeouts.resendTicks || !receiverActive) return 'nothing';
    phase.ticks = 0;
    return phase.chunk;
  }
}
