/**
 * A leader's snapshots: a member that needs entries which are compacted away gets the state instead (§7, s62).
 *
 * The owner supplies the chunks: the core asks (`chunksWanted`), the owner offers, the member answers. `SnapshotTransfer`
 * is one snapshot on its way to one member: one chunk at a time, each answered before the next.
 *
 *     wanted   the owner was asked for chunk `sequence`
 *     later    the owner could not supply it: retry after a while, with the first chunk of whatever snapshot it has then
 *     sent     the chunk was sent: wait for the answer
 *
 * - A chunk is resent only when the member, behind the chunk, still wants it. When no answer came for a while, the
 *   leader sends a delivery check: an empty chunk with a number that the member has already, to which it answers with
 *   the number that it wants next. The check travels behind the chunk, so on an ordered link it cannot overtake it, and
 *   a chunk that merely takes long is not sent twice, however slow the link. Checks can be lost too, so they are
 *   repeated. Several may be under way when the chunk is answered after all: as many later answers are ignored.
 * - Two messages without data open a transfer. Repeating them costs nothing, and a check of the first chunk with data
 *   can then carry a number before it that is not 0, which would restart the receiver.
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

/** Messages before the first chunk with data: chunk n of the owner is sent with number n + 2. */
export const OPENING_MESSAGES = 2;
const NO_DATA = new Uint8Array(0);

interface Sent {
  readonly type: 'sent';
  readonly chunk: OutgoingChunk;
  /** Number of the message that is not answered yet. */
  number: number;
  /** Ticks since it was sent, or since its last check. */
  ticks: number;
  /** Ticks since it was sent. */
  age: number;
  /** Checks of it that were sent. */
  checks: number;
}

type Phase = { readonly type: 'wanted' } | { readonly type: 'later'; ticks: number } | Sent;

export interface TransferTimeouts {
  /** Ticks after which an owner that had no chunk is asked again. */
  readonly retryTicks: number;
  /** Ticks after which an unanswered chunk is checked. */
  readonly checkTicks: number;
}

/** What to do next: nothing, ask the owner for chunk `sequence`, or send this. */
export type TransferStep = 'nothing' | 'want-chunk' | OutgoingChunk;

export class SnapshotTransfer {
  #phase: Phase = { type: 'wanted' };
  #sequence = 0;
  #meta: SnapshotMeta | undefined;
  /**
   * Checks of earlier chunks whose answers may still arrive, and are not about the present one. They are expected for as
   * long as the chunk's own answer took, and then count as lost.
   */
  #staleChecks = 0;
  #staleTicks = 0;

  /** The owner's chunk that is wanted or in flight. */
  get sequence(): number {
    return this.#sequence;
  }

  /** The snapshot being sent; undefined until the owner supplied its first chunk. */
  get meta(): SnapshotMeta | undefined {
    return this.#meta;
  }

  /** The chunk `sequence` was supplied and not answered yet. */
  get isUnderWay(): boolean {
    return this.#phase.type === 'sent';
  }

  /** Takes the chunk that was asked for; ignores any other, and one of another snapshot. */
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

  /** The owner may never again have the rest of a snapshot that it cannot supply now: the next attempt starts over. */
  unavailable(): void {
    if (this.#phase.type !== 'wanted') return;
    this.#phase = { type: 'later', ticks: 0 };
    this.#sequence = 0;
    this.#meta = undefined;
  }

  /** The receiver wants message number `wanted` next. */
  answered(wanted: number): TransferStep {
    const phase = this.#phase;
    if (phase.type !== 'sent') return 'nothing';
    if (wanted === phase.number + 1) {
      this.#expectStale(phase.checks, phase.age);
      if (wanted <= OPENING_MESSAGES) return this.#send(phase.chunk, wanted);
      return this.#want(this.#sequence + 1);
    }
    // It has nothing of this snapshot, or lost what it had.
    if (wanted === 0 && phase.number > 0) return this.#want(0);
    const isAhead = wanted > phase.number + 1;
    if ((wanted !== phase.number && !isAhead) || phase.checks === 0) return 'nothing';
    if (this.#staleChecks > 0) {
      this.#staleChecks--;
      return 'nothing';
    }
    this.#expectStale(phase.checks - 1, phase.age);
    // It took chunks sent before the transfer started over, and will never want the present one.
    return isAhead ? this.#want(0) : this.#send(phase.chunk, phase.number);
  }

  /** Everything in flight in either direction is lost: check as soon as the member answers again. */
  linkBroke(): void {
    this.#staleChecks = 0;
    if (this.#phase.type === 'sent') this.#phase = { ...this.#phase, ticks: Infinity, checks: 0 };
  }

  /** One tick. An inactive receiver is sent no checks. */
  tick(timeouts: TransferTimeouts, receiverActive: boolean): TransferStep {
    const phase = this.#phase;
    if (this.#staleTicks-- <= 0) this.#staleChecks = 0;
    if (phase.type === 'wanted') return 'nothing';
    phase.ticks++;
    if (phase.type === 'later') return phase.ticks < timeouts.retryTicks ? 'nothing' : this.#want(0);
    phase.age++;
    // Once it is late, twice as often; each a tick later, so as not to fall in step with what loses them.
    const dueTicks = phase.checks === 0 ? timeouts.checkTicks : (timeouts.checkTicks >> 1) + phase.checks;
    if (phase.ticks < dueTicks || !receiverActive) return 'nothing';
    phase.ticks = 0;
    phase.checks++;
    const { meta } = phase.chunk;
    // One that opens the transfer has no data: it is its own check.
    const sequence = phase.number < OPENING_MESSAGES ? phase.number : phase.number - 1;
    return { meta, sequence, data: NO_DATA, done: false };
  }

  #expectStale(checks: number, forTicks: number): void {
    if (checks === 0) return;
    this.#staleChecks += checks;
    this.#staleTicks = forTicks;
  }

  #want(sequence: number): TransferStep {
    this.#sequence = sequence;
    this.#phase = { type: 'wanted' };
    return 'want-chunk';
  }

  #send(chunk: OutgoingChunk, number: number): OutgoingChunk {
    this.#phase = { type: 'sent', chunk, number, ticks: 0, age: 0, checks: 0 };
    const { meta, data, done } = chunk;
    if (number < OPENING_MESSAGES) return { meta, sequence: number, data: NO_DATA, done: false };
    return { meta, sequence: number, data, done };
  }
}

/** An inactive member gets none: its owner would have to hold the snapshot open. */
export function startSnapshot(core: Core, peer: Progress): void {
  if (!peer.recentlyActive) return;
  peer.startSnapshot();
  core.outbox.wantChunk({ to: peer.id, sequence: 0 });
}

export function offerChunk(core: Core, peer: Progress, chunk: OutgoingChunk): void {
  const { transfer } = peer;
  if (transfer === undefined) return;
  // A snapshot that ends before the log begins would leave a gap: wait for a newer one.
  if (chunk.meta.index < core.log.snapshotIndex && chunk.sequence === 0) transfer.unavailable();
  else perform(core, peer, transfer.offer(chunk));
}

function perform(core: Core, peer: Progress, step: TransferStep): void {
  if (step === 'nothing') return;
  if (step === 'want-chunk') core.outbox.wantChunk({ to: peer.id, sequence: peer.transfer?.sequence ?? 0 });
  else core.outbox.send({ type: 'snapshot', from: core.id, to: peer.id, term: core.term, ...step });
}

export function receiveSnapshotAnswer(core: Core, leader: Leader, peer: Progress, message: SnapshotAnswer): void {
  const { transfer } = peer;
  if (transfer?.meta?.index !== message.index) return;
  if (message.wanted === -1) {
    peer.snapshotInstalled(message.index);
    if (peer.next <= core.log.lastIndex) leader.appendsDue = true;
  } else perform(core, peer, transfer.answered(message.wanted));
}

export function tickSnapshots(core: Core, leader: Leader): void {
  const timeouts = { retryTicks: core.options.heartbeatTicks, checkTicks: core.options.electionTicks };
  for (const peer of leader.peers.values()) {
    if (peer.transfer !== undefined) perform(core, peer, peer.transfer.tick(timeouts, peer.recentlyActive));
  }
}
