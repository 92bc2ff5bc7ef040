/** Is a refusal the answer, or is the operation asked again? Knows the error table, no node and no time. */
import { ERRORS, type Operation, type Refusal } from '../../shard/index.js';

interface Asked {
  readonly operation: Operation;
  /** An earlier attempt may have been applied. */
  readonly perhapsApplied: boolean;
}

/** Codes by which the replicated state itself answers: they hold whatever became of earlier attempts. */
const ANSWERS_OF_THE_STATE: ReadonlySet<string> = new Set(['precondition-failed', 'idempotency-key-reused']);

/** `in-doubt`: no replica will ever be able to say what became of the write. */
export function verdictOn(refusal: Refusal, asked: Asked): 'final' | 'again' | 'in-doubt' {
  if (refusal.replayed === true || ANSWERS_OF_THE_STATE.has(refusal.code)) return 'final';
  if (asked.perhapsApplied && refusal.code === 'idempotency-key-expired') return 'in-doubt';
  // Honest only if no earlier attempt is in doubt: then it goes on until somebody answers or the deadline says so.
  if (asked.perhapsApplied && refusal.outcome === 'not_applied') return 'again';
  // A defect in one operation is its answer; with a shard in it, it is a node that has left, and others serve on.
  if (refusal.code === 'internal' && refusal.outcome === 'not_applied' && refusal.details.shard !== undefined) {
    return 'again';
  }
  // Shedding load must reach the client: asking again would be more of it.
  if (refusal.code === 'overloaded') return 'final';
  return ERRORS[refusal.code].retryable ? 'again' : 'final';
}
