/**
 * The error table: every way in which an operation can end badly, and whether a write happened.
 *
 * Knows no HTTP status (that is `router/http/problems.ts`) and no group. `outcome` is the promise that matters:
 * `not_applied` = it did not and will not happen; `unknown` = it may have happened, or may yet.
 */

export type Outcome = 'not_applied' | 'unknown';

interface ErrorRow {
  readonly outcome: Outcome;
  /** The same request may succeed later. */
  readonly retryable: boolean;
  readonly meaning: string;
}

const row = (outcome: Outcome, retryable: boolean, meaning: string): ErrorRow => ({ outcome, retryable, meaning });

export const ERRORS = {
  'invalid-request': row('not_applied', false, 'a field of the request is malformed'),
  'value-too-large': row('not_applied', false, 'the value exceeds the configured limit'),
  'key-too-long': row('not_applied', false, 'the encoded key exceeds 4 KiB'),
  'precondition-failed': row('not_applied', false, 'the key is not in the state that the request demands'),
  'idempotency-key-reused': row('not_applied', false, 'the idempotency key was used for another request'),
  'idempotency-key-expired': row(
    'not_applied',
    false,
    'whether a write was applied under this operation id is no longer remembered',
  ),
  'not-here': row('not_applied', true, 'this node does not hold the shard, or does not lead it'),
  'no-leader': row('not_applied', true, 'the shard has no leader within the deadline'),
  'no-quorum': row('not_applied', true, 'too few replicas of the shard answer'),
  'leadership-lost': row('unknown', true, 'the leader lost its office while the write was on its way'),
  superseded: row('not_applied', true, 'another leader wrote another entry in the place of this one'),
  overloaded: row('not_applied', true, 'a queue is full'),
  'shutting-down': row('not_applied', true, 'the node is stopping'),
  'disk-full': row('not_applied', true, 'the disk of the node is full'),
  'storage-failed': row('not_applied', true, 'the disk of the node failed'),
  timeout: row('unknown', true, 'no answer within the deadline'),
  'wrong-cluster': row('not_applied', false, 'the message belongs to another cluster'),
  internal: row('unknown', false, 'a defect in Kvorum'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorDetails {
  readonly field?: string;
  readonly limit?: number;
  readonly currentRevision?: number;
  readonly leader?: number;
  readonly shard?: number;
  readonly term?: number;
}

/** An operation that ended badly. `outcome` defaults to the table's, and may be set where more is known. */
export class KvorumError extends Error {
  override readonly name = 'KvorumError';
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  readonly retryable: boolean;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string = ERRORS[code].meaning, details: ErrorDetails = {}, outcome?: Outcome) {
    super(message);
    this.code = code;
    this.outcome = outcome ?? ERRORS[code].outcome;
    this.retryable = ERRORS[code].retryable;
    this.details = details;
  }
}
