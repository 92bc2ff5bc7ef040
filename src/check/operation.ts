/**
 * One operation of a recorded history, its line in a file, and its description for people.
 *
 * Defines the format; `model.ts` defines what an operation does to a key.
 */

/**
 * One operation of a history, as in the recorded format (one JSON line each).
 *
 * `ok`: true = took effect and was answered; false = definitely did not take effect; null = unknown: it may take effect
 * at any time after `start`, or never, and its `end` means nothing.
 */
export interface Operation {
  /** Who made the call. The verdict does not depend on it: operations of one client may overlap. */
  readonly client: number | string;
  /** The call: what it does to a key is in `model.ts`. */
  readonly op: (typeof OPERATION_NAMES)[number];
  /** The one key that it concerns: keys are judged each for itself. */
  readonly key: string;
  /** put and append: a string. cas: null makes the key absent. increment: the amount, an integer in decimal digits. */
  readonly value?: string | null;
  /** cas: null = absent. */
  readonly expected?: string | null;
  /** Whether it took effect; null: not known. False with no `error`: a cas or a touch found the key otherwise. */
  readonly ok: boolean | null;
  /**
   * get: the value read, null = absent. A failed cas: the actual value where known, null = not known. increment: the
   * number after it.
   */
  readonly result?: string | null;
  /** Observed by a delete or a failed cas: whether the key was there. */
  readonly existed?: boolean;
  /** With `ok: false`: a refusal, which observed nothing. */
  readonly error?: string;
  /** When it was sent: nanoseconds, or any count of one monotonic clock that all clients share. */
  readonly start: number | bigint;
  /** In the unit of `start`, and not before it. Means nothing where `ok` is null. */
  readonly end: number | bigint;
  /**
   * put, cas, touch: time to live, in the unit of `start`. From `start` plus this on, the key may become absent by itself
   * at any time, until another operation gives it another deadline or none. Without it the key has no deadline.
   */
  readonly ttl?: number | bigint;
  /** Not recorded: the earliest time at which the key may become absent by itself, if it is not `start` plus `ttl`. */
  readonly expiresFrom?: number | bigint;
}

/** What a client requested. */
export type Invocation = Pick<Operation, 'op' | 'key' | 'value' | 'expected' | 'ttl'>;

/** What it learned of the outcome. */
export type Completion = Pick<Operation, 'ok' | 'result' | 'existed' | 'error'>;

export const OPERATION_NAMES = ['put', 'get', 'delete', 'cas', 'append', 'increment', 'touch'] as const;

/** One line of the recorded format, without its line end. A bigint becomes an integer in quotes. */
export function formatOperation(operation: Operation): string {
  const { client, op, key, value = null, expected = null, ok, result = null, existed, error, start, end } = operation;
  const ttl = operation.ttl === undefined ? {} : { ttl: formatTime(operation.ttl) };
  return JSON.stringify({
    ...{ client, op, key, value, expected, ok, result, existed, error },
    ...{ start: formatTime(start), end: formatTime(end), ...ttl },
  });
}

const formatTime = (at: number | bigint): number | string => (typeof at === 'bigint' ? at.toString() : at);

/** A value for people: quoted, shortened if it is long; `absent` for none. */
export function formatValue(value: string | null | undefined, limit = 40): string {
  if (value === null || value === undefined) return 'absent';
  const quoted = JSON.stringify(value);
  return quoted.length <= limit ? quoted : `${quoted.slice(0, limit - 1)}…`;
}

/** Request and answer in one line: `cas "a" → "b": failed, was "c"`. */
export function describeOperation(operation: Operation, limit = 40): string {
  return `${describeRequest(operation, limit)}${describeAnswer(operation, limit)}`;
}

function describeRequest({ op, value, expected, ttl }: Operation, limit: number): string {
  const lives = ttl === undefined ? '' : `, ttl ${String(ttl)}`;
  switch (op) {
    case 'get':
    case 'delete':
      return op;
    case 'touch':
      return `touch${lives || ', no ttl'}`;
    case 'increment':
      return `increment by ${value ?? ''}`;
    case 'cas':
      return `cas ${formatValue(expected, limit)} → ${formatValue(value, limit)}${lives}`;
    case 'put':
    case 'append':
      return `${op} ${formatValue(value, limit)}${lives}`;
  }
}

function describeAnswer({ op, ok, result, existed, error }: Operation, limit: number): string {
  if (ok === null) return ': unknown';
  if (!ok) {
    if (error !== undefined && error !== '') return ': refused';
    if (op === 'touch') return ': was absent';
    if (op !== 'cas') return ': not done';
    if (typeof result === 'string') return `: failed, was ${formatValue(result, limit)}`;
    if (existed !== undefined) return existed ? ': failed, was there' : ': failed, was absent';
    return ': failed';
  }
  if (op === 'get') return `: ${formatValue(result, limit)}`;
  if (op === 'increment') return `: ${result ?? ''}`;
  if (op === 'delete' && existed !== undefined) return existed ? ': was there' : ': was absent';
  return '';
}
