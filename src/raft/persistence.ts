/**
 * Assembles the `Write`s and tracks which of them are durable.
 *
 * - A held message is sent at once if the current term and vote and the log up to its index are durable; otherwise with
 *   the write that makes them so or, if that one is in progress, with an empty write behind it.
 * - Writes complete in the order in which they were handed out.
 */
import type { Core } from './core.js';
import { NO_ENTRIES } from './log.js';
import type { Message } from './messages.js';
import { THIS_WRITE } from './outbox.js';
import type { Receipt, Write } from './ready.js';
import type { HardState } from './types.js';

const NO_MESSAGES: readonly Message[] = [];

export class Persistence {
  #issuedHardState: HardState;
  /** Sequence of the write with the term and vote of `#issuedHardState`. */
  #hardStateSequence = 0;
  #issued = 0;
  #completed = 0;
  /** Messages of writes up to this sequence must not be sent. */
  #suppressedTo = 0;

  constructor(hardState: HardState) {
    this.#issuedHardState = hardState;
  }

  /** Sequence of the newest write handed out, and of the newest that is durable. */
  get issued(): number {
    return this.#issued;
  }
  get completedTo(): number {
    return this.#completed;
  }

  #hardStateChanged(core: Core): boolean {
    return this.#issuedHardState.term !== core.term || this.#issuedHardState.vote !== core.vote;
  }

  /** Are the current term and vote durable? */
  hardStateDurable(core: Core): boolean {
    return this.#completed >= this.#hardStateSequence && !this.#hardStateChanged(core);
  }

  /** Is there anything to write? (Held messages are the outbox's.) */
  hasWork(core: Core): boolean {
    return this.#hardStateChanged(core) || core.log.hasUnwritten || core.outbox.hasChunk;
  }

  /** Collects the next write; held messages that need not wait for it become sendable. */
  take(core: Core): Write | undefined {
    const { log, outbox } = core;
    const sequence = this.#issued + 1;
    const chunk = outbox.takeChunk();
    const installs = chunk?.done === true;
    // Entries behind an installed snapshot are left for the next write: the install replaces the whole log.
    const entries = installs ? NO_ENTRIES : log.takeUnwritten(sequence);
    if (installs) log.takeInstall(sequence);
    const messages = this.#release(core);
    const changed = this.#hardStateChanged(core);
    const substantial = changed || entries.length > 0 || chunk !== undefined;
    if (!substantial && messages.length === 0) return undefined;
    this.#issued = sequence;
    let hardState: HardState | undefined;
    const commit = Math.min(log.commit, log.writtenIndex);
    if (changed || (substantial && commit !== this.#issuedHardState.commit)) {
      hardState = { term: core.term, vote: core.vote, commit };
      this.#issuedHardState = hardState;
      if (changed) this.#hardStateSequence = sequence;
    }
    return { receipt: { sequence }, hardState, entries, chunk, messages };
  }

  /** Sends the held messages that are covered; returns those that need this write; others stay held. */
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

  /** The messages of writes handed out until now must never be sent. */
  suppressIssued(): void {
    this.#suppressedTo = this.#issued;
  }

  /** May the messages of this write be sent once it is durable? */
  maySend(receipt: Receipt): boolean {
    return receipt.sequence > this.#suppressedTo;
  }

  completed(core: Core, receipt: Receipt): void {
    if (receipt.sequence > this.#issued) throw new Error(`write ${receipt.sequence} was never handed out`);
    this.#completed = Math.max(this.#completed, receipt.sequence);
    core.log.completed(receipt.sequence);
  }
}
