/**
 * A leader's snapshots: a member that needs entries which are compacted away gets the state instead (§7, s62).
 *
 * The owner supplies the chunks: the core asks (`chunksWanted`), the owner offers, the member answers. `SnapshotTransfer`
 * is one snapshot on its way to one member: one chunk at a time, each answered before the next.
 *
 *     wanted   the owner was asked for chunk `sequence`
 *     later    the owner could not give it: ask again after a while, for the first chunk of whatever snapshot it has then
 *     sent     the chunk left: wait for the answer
 *
 * - A chunk is sent again only when the member says, behind the chunk, that it still wants it. When no answer came for a
 *   while the member is asked, by a chunk that it has already (and so takes nothing from): it answers with the one that
 *   it wants next. The question travels behind the chunk, so on a link that keeps the order it cannot overtake it, and a
 *   chunk that merely takes long is not sent twice however slow the link is. Questions may be lost too: they are
 *   repeated. Several may be under way when the chunk is answered after all: as many later answers say nothing.
 * - Two messages without data open a transfer. They can be repeated for nothing, and a question about the first chunk
 *   with data can then name one before it that is not the first of all, which would start the receiver over.
 *
 * What a chunk holds is opaque.
 */
import type { Core } from './core.js';
import type { SnapshotAnswer } from './messages.js';
import type { Progress } from './progress.js';
import type { Leader } from './roles.js';
import type { SnapshotMeta } from './types.js';

export interface OutgoingChunk {
  readonly meta: SnapshotMeta;
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly done: boolean;
}

/** Messages before the first chunk with data: chunk n of the owner goes as number n + 2. */
export const OPENING_MESSAGES = 2;
const NO_DATA = new Uint8Array(0);

interface Sent {
  readonly type: 'sent';
  readonly chunk: OutgoingChunk;
  /** Number of the message that waits for an answer. */
  number: number;
  /** Since it left, or since the last question. */
  ticks: number;
  /** Since it left. */
  age: number;
  /** Questions about it. */
  asked: number;
}

type Phase = { readonly type: 'wanted' } | { readonly type: 'later'; ticks: number } | Sent;

export interface TransferTimeouts {
  /** After which an owner that had nothing is asked again. */
  readonly retryTicks: number;
  /** After which a member that did not answer is asked. */
  readonly askTicks: number;
}

/** What is to be done next: nothing, ask the owner for `sequence`, or send this. */
export type TransferStep = 'nothing' | 'ask-owner' | OutgoingChunk;

export class SnapshotTransfer {
  #phase: Phase = { type: 'wanted' };
  #sequence = 0;
  #meta: SnapshotMeta | undefined;
  /**
   * Questions about earlier chunks whose answers may still come: they say nothing of the present one. They are expected
   * for as long as the answer took that overtook them, then they are taken for lost.
   */
  #staleQuestions = 0;
  #staleTicks = 0;

  /** The owner's chunk that is wanted, or on its way. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The snapshot on its way; undefined until its first chunk is there. */
  get meta(): SnapshotMeta | undefined {
    return this.#meta;
  }

  /** The chunk `sequence` has left, or is about to, and was not answered. */
  get isUnderWay(): boolean {
    return this.#phase.type === 'sent';
  }

  /** Takes the chunk that was asked for. Nothing: it is not that one, or of another snapshot, and so of no use. */
  offer(chunk: OutgoingChunk): TransferStep {
    if (this.#phase.type !== 'wanted' || chunk.sequence !== this.#sequence) return 'nothing';
    const meta = this.#meta;
    if (chunk.sequence > 0 && (meta?.index !== chunk.meta.index || meta.term !== chunk.meta.term)) {
      this.unavailable();
      return 'nothing';
    }
    this.#meta = chunk.meta;
    return this.#send(chunk, chunk.sequence === 0 ? 0 : chunk.sequence + OPENING_MESSAGES);
  }

  /** The rest of a snapshot that the owner cannot give now it may never be able to give again: the next try begins anew. */
  unavailable(): void {
    if (this.#phase.type !== 'wanted') return;
    this.#phase = { type: 'later', ticks: 0 };
    this.#sequence = 0;
    this.#meta = undefined;
  }

  /** The receiver wants message `wanted` next. */
  answered(wanted: number): TransferStep {
    const phase = this.#phase;
    if (phase.type !== 'sent') return 'nothing';
    if (wanted === phase.number + 1) {
      this.#expectStale(phase.asked, phase.age);
      if (wanted <= OPENING_MESSAGES) return this.#send(phase.chunk, wanted);
      return this.#want(this.#sequence + 1);
    }
    // It knows nothing of this snapshot, or not any more.
    if (wanted === 0 && phase.number > 0) return this.#want(0);
    const isAhead = wanted > phase.number + 1;
    if ((wanted !== phase.number && !isAhead) || phase.asked === 0) return 'nothing';
    if (this.#staleQuestions > 0) {
      this.#staleQuestions--;
      return 'nothing';
    }
    this.#expectStale(phase.asked - 1, phase.age);
    // It took what had left before the transfer began anew, and will never want what is here.
    return isAhead ? this.#want(0) : this.#send(phase.chunk, phase.number);
  }

  /** What was under way to the member is lost, and so is what came from it: ask as soon as it is heard again. */
  linkBroke(): void {
    this.#staleQuestions = 0;
    if (this.#phase.type === 'sent') this.#phase = { ...this.#phase, ticks: Infinity, asked: 0 };
  }

  /** One tick. A receiver that is not heard is not asked. */
  tick(timeouts: TransferTimeouts, receiverActive: boolean): TransferStep {
    const phase = this.#phase;
    if (this.#staleTicks-- <= 0) this.#staleQuestions = 0;
    if (phase.type === 'wanted') return 'nothing';
    phase.ticks++;
    if (phase.type === 'later') return phase.ticks < timeouts.retryTicks ? 'nothing' : this.#want(0);
    phase.age++;
    // Once it is late, twice as often; each a tick later, so as not to keep time with what loses them.
    const dueTicks = phase.asked === 0 ? timeouts.askTicks : (timeouts.askTicks >> 1) + phase.asked;
    if (phase.ticks < dueTicks || !receiverActive) return 'nothing';
    phase.ticks = 0;
    phase.asked++;
    const { meta } = phase.chunk;
    // One that opens the transfer has no data: it is its own question.
    const sequence = phase.number < OPENING_MESSAGES ? phase.number : phase.number - 1;
    return { meta, sequence, data: NO_DATA, done: false };
  }

  #expectStale(questions: number, forTicks: number): void {
    if (questions === 0) return;
    this.#staleQuestions += questions;
    this.#staleTicks = forTicks;
  }

  #want(sequence: number): TransferStep {
    this.#sequence = sequence;
    this.#phase = { type: 'wanted' };
    return 'ask-owner';
  }

  #send(chunk: OutgoingChunk, number: number): OutgoingChunk {
    this.#phase = { type: 'sent', chunk, number, ticks: 0, age: 0, asked: 0 };
    const { meta, data, done } = chunk;
    if (number < OPENING_MESSAGES) return { meta, sequence: number, data: NO_DATA, done: false };
    return { meta, sequence: number, data, done };
  }
}

/** A member that answers nothing gets none: somebody would have to hold it open. */
export function startSnapshot(core: Core, peer: Progress): void {
  if (!peer.recentlyActive) return;
  peer.startSnapshot();
  core.outbox.wantChunk({ to: peer.id, sequence: 0 });
}

export function offerChunk(core: Core, peer: Progress, chunk: OutgoingChunk): void {
  const { transfer } = peer;
  if (transfer === undefined) return;
  // One that ends before the log begins would leave a gap: wait for a newer one.
  if (chunk.meta.index < core.log.snapshotIndex && chunk.sequence === 0) transfer.unavailable();
  else take(core, peer, transfer.offer(chunk));
}

function take(core: Core, peer: Progress, step: TransferStep): void {
  if (step === 'nothing') return;
  if (step === 'ask-owner') core.outbox.wantChunk({ to: peer.id, sequence: peer.transfer?.sequence ?? 0 });
  else core.outbox.send({ type: 'snapshot', from: core.id, to: peer.id, term: core.term, ...step });
}

export function receiveSnapshotAnswer(core: Core, leader: Leader, peer: Progress, message: SnapshotAnswer): void {
  const { transfer } = peer;
  if (transfer?.meta?.index !== message.index) return;
  if (message.wanted === -1) {
    peer.snapshotInstalled(message.index);
    if (peer.next <= core.log.lastIndex) leader.appendsDue = true;
  } else take(core, peer, transfer.answered(message.wanted));
}

export function tickSnapshots(core: Core, leader: Leader): void {
  const timeouts = { retryTicks: core.options.heartbeatTicks, askTicks: core.options.electionTicks };
  for (const peer of leader.peers.values()) {
    if (peer.transfer !== undefined) take(core, peer, peer.transfer.tick(timeouts, peer.recentlyActive));
  }
}
