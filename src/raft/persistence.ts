/**
 * What must reach the disk, and what of it has: puts the `Write`s together and learns of their completion.
 *
 * - A message held back leaves at once if the term and vote in force and the log up to its index are durable;
 *   otherwise with the write that makes them so, or, if that one is under way, with an empty write behind it.
 * - Writes complete in the order in which they were handed out.
 *
 * Knows no role.
 */
import type { Core } from './core.js';
import { NO_ENTRIES } from './log.js';
import type { Message } from './messages.js';
import { THIS_WRITE } from './outbox.js';
import type { Receipt, Write } from './ready.js';
import type { HardState } from './types.js';

const NO_MESSAGES: readonly Message[] = [];

export class Persistence {
  #handed: HardState;
  /** The write that carries the term and vote of `#handed`. */
  #hardStateSequence = 0;
  #issued = 0;
  #completed = 0;
  /** Messages of writes up to here are not sent. */
  #silenced = 0;

  constructor(hardState: HardState) {
    this.#handed = hardState;
  }

  /** Number of the newest write handed out, and of the newest that is durable. */
  get issued(): number {
    return this.#issued;
  }
  get completedTo(): number {
    return this.#completed;
  }

  #hardStateChanged(core: Core): boolean {
    return this.#handed.term !== core.term || this.#handed.vote !== core.vote;
  }

  /** Are the term and vote in force on disk? */
  hardStateDurable(core: Core): boolean {
    return this.#completed >= this.#hardStateSequence && !this.#hardStateChanged(core);
  }

  /** Is there anything to write? (Messages that wait are the outbox's to tell.) */
  hasWork(core: Core): boolean {
    return this.#hardStateChanged(core) || core.log.hasUnwritten || core.outbox.hasChunk;
  }

  /** Collects the next write; messages that need not wait for it go to the outbox. */
  take(core: Core): Write | undefined {
    const { log, outbox } = core;
    const sequence = this.#issued + 1;
    const chunk = outbox.takeChunk();
    const installs = chunk?.done === true;
    // What follows an installed snapshot is left for the next write: the install replaces the log as a whole.
    const entries = installs ? NO_ENTRIES : log.takeUnwritten(sequence);
    if (installs) log.takeInstall(sequence);
    const messages = this.#release(core);
    const changed = this.#hardStateChanged(core);
    const substantial = changed || entries.length > 0 || chunk !== undefined;
    if (!substantial && messages.length === 0) return undefined;
    this.#issued = sequence;
    let hardState: HardState | undefined;
    const commit = Math.min(log.commit, log.writtenIndex);
    if (changed || (substantial && commit !== this.#handed.commit)) {
      hardState = { term: core.term, vote: core.vote, commit };
      this.#handed = hardState;
      if (changed) this.#hardStateSequence = sequence;
    }
    return { receipt: { sequence }, hardState, entries, chunk, messages };
  }

  /** Sends what may leave now; gives back what must wait for this write; what speaks of later entries stays held. */
  #release(core: Core): readonly Message[] {
    const { log, outbox } = core;
    if (!outbox.hasHeld) return NO_MESSAGES;
    const durable = this.hardStateDurable(core);
    const waiting: Message[] = [];
    for (const { message, needsIndex } of outbox.takeHeld()) {
      if (durable && needsIndex <= log.stableIndex) outbox.send(message);
      else if (needsIndex <= log.writtenIndex || needsIndex === THIS_WRITE) waiting.push(message);
      // Entries behind a snapshot that this write installs: they come with the next.
      else outbox.hold(message, needsIndex);
    }
    return waiting;
  }

  /** What was handed out until now must not be said any more, not even once it is durable. */
  silence(): void {
    this.#silenced = this.#issued;
  }

  maySay(receipt: Receipt): boolean {
    return receipt.sequence > this.#silenced;
  }

  completed(core: Core, receipt: Receipt): void {
    if (receipt.sequence > this.#issued) throw new Error(`write ${receipt.sequence} was never handed out`);
    this.#completed = Math.max(this.#completed, receipt.sequence);
    core.log.completed(receipt.sequence);
  }
}
