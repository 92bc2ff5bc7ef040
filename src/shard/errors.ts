/**
 * The error table: every way in which an operation can fail, and whether a write happened.
 *
 * HTTP statuses are in `router/http/problems.ts`. Codes are sent between nodes by name, so a code that any build has
 * sent must stay readable: a code is removed only if no build ever produced it.
 */

import type { Refusal } from './operation.js';

/**
 * Whether a failed write was applied: `not_applied` = it was not and will not be; `unknown` = it may have been, or may
 * yet be.
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
  'wrong-type': row('not_applied', false, 'the value is not of the type that the operation needs'),
  'patch-failed': row('not_applied', false, 'an operation of the patch does not fit the value'),
  'namespace-not-found': row('not_applied', false, 'the namespace does not exist'),
  'namespace-not-empty': row('not_applied', false, 'the namespace has keys'),
  'quota-exceeded': row('not_applied', false, 'the namespace would have more keys or bytes than its limit'),
  conflict: row('not_applied', true, 'other transactions held a key, or kept changing it, until the deadline'),
  'feature-unavailable': row('not_applied', true, 'some node of the cluster runs a version without this feature'),
  'snapshot-expired': row('not_applied', false, 'the state that a stream reads is not kept any longer'),
  'idempotency-key-reused': row('not_applied', false, 'the idempotency key was used for another request'),
  'idempotency-key-expired': row(
    'unknown',
    false,
    'the dedup table no longer knows whether a write was applied under this operation id',
  ),
  'not-here': row('not_applied', true, 'this node does not hold the shard, or does not lead it'),
  'no-leader': row('not_applied', true, 'the shard has no leader within the deadline'),
  'no-quorum': row('not_applied', true, 'too few replicas of the shard answer'),
  'leadership-lost': row('unknown', true, 'the leader lost leadership while the write was under way'),
  overloaded: row('not_applied', true, 'a queue is full'),
  'shutting-down': row('not_applied', true, 'the node is stopping'),
  'disk-full': row('not_applied', true, 'the disk of the node is full'),
  'storage-failed': row('not_applied', true, 'the disk of the node failed'),
  timeout: row('unknown', true, 'no answer within the deadline'),
  internal: row('unknown', false, 'a defect in Kvorum'),
} as const satisfies Record<string, ErrorRow>;

/** Code of a `KvorumError`; the same in the HTTP API's problem documents. */
export type ErrorCode = keyof typeof ERRORS;

/** Details of an error; fields that do not apply are absent. */
export interface ErrorDetails {
  /** The field or option at fault, such as `key` or `dataDir`. */
  readonly field?: string;
  /** The limit that was exceeded, in the unit of the field: bytes for `key-too-long` and `value-too-large`. */
  readonly limit?: number;
  /** For `precondition-failed`: the key's revision; 0 = the key is absent. */
  readonly currentRevision?: number;
  /** Node id of the shard's leader, as known to the replica that refused. */
  readonly leader?: number;
  /** The key's shard, from 0. */
  readonly shard?: number;
  /** Raft term of the shard's group at the replica that refused. */
  readonly term?: number;
  /** For an error in one of several operations: its place in the list, from 0. */
  readonly position?: number;
}

/** A failed operation, or a store that cannot be opened. `cause` is the underlying error, if this process has it. */
export class KvorumError extends Error {
  override readonly name = 'KvorumError';
  readonly code: ErrorCode;
  /** Whether the write happened; without meaning for a read. Defaults to the table's value for `code`. */
  readonly outcome: Outcome;
  /** The same request may succeed later. */
  readonly retryable: boolean;
  readonly details: ErrorDetails;
  /** It is the answer to an earlier call under the same idempotency key. */
  declare readonly replayed?: true;
  /**
   * Of a write whose outcome is unknown: the key under which the same call can be made again without a second effect,
   * whether or not it had one of its own.
   */
  declare readonly idempotencyKey?: string;

  constructor(code: ErrorCode, message: string = ERRORS[code].meaning, details: ErrorDetails = {}, outcome?: Outcome) {
    super(message);
    this.code = code;
    this.outcome = outcome ?? ERRORS[code].outcome;
    this.retryable = ERRORS[code].retryable;
    this.details = details;
  }
}

/** A refusal from a row of the table; `message` and `outcome` are those of the row unless given. */
export function refuse(code: ErrorCode, message?: string, details: ErrorDetails = {}, outcome?: Outcome): Refusal {
  const row = ERRORS[code];
  return { type: 'refused', code, outcome: outcome ?? row.outcome, message: message ?? row.meaning, details };
}
