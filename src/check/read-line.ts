/**
 * Parses one line of a recorded history, checked field by field. An error is one sentence, without the number of the
 * line, which the reader of the file adds.
 *
 * Unknown fields are ignored: recorders may note more than a checker needs. A duplicate field is an error, because
 * it is ambiguous which one was meant.
 */
import { bareValueOf, countFields } from './fields.js';
import { OPERATION_NAMES, type Operation } from './operation.js';
import { messageOf } from '../thrown.js';

/** What is wrong with a line. */
export class LineError extends Error {
  override readonly name = 'LineError';
}

type Fields = Readonly<Record<string, unknown>>;

/** @throws LineError */
export function parseOperation(line: string): Operation {
  const fields = parseObject(line);
  const op = nameOf(fields['op']);
  const ok = outcomeOf(fields['ok']);
  const error = optional(fields, 'error', 'string');
  if (ok === true && error !== undefined && error !== '') throw new LineError('"ok" is true, and there is an "error"');
  const existed = optional(fields, 'existed', 'boolean');
  const operation = {
    client: clientOf(fields['client']),
    op,
    key: textOf(fields, 'key'),
    ok,
    ...contentOf(op, ok, fields),
    ...(existed === undefined ? {} : { existed }),
    ...(error === undefined ? {} : { error }),
    start: timeOf(fields, 'start', line),
  };
  // An operation with an unknown outcome has no meaningful end.
  const open = ok === null && (fields['end'] === undefined || fields['end'] === null);
  const end = open ? operation.start : timeOf(fields, 'end', line);
  if (ok !== null && end < operation.start) {
    throw new LineError(`"end" (${String(end)}) is before "start" (${String(operation.start)})`);
  }
  return { ...operation, end };
}

function parseObject(line: string): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    throw new LineError(`not JSON: ${messageOf(error)}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new LineError(`not a JSON object: ${describe(parsed)}`);
  }
  // Of two fields with the same name JSON.parse keeps the last.
  if (countFields(line) !== Object.keys(parsed).length) throw new LineError('a field stands twice');
  return parsed as Fields;
}

function nameOf(value: unknown): Operation['op'] {
  const name = OPERATION_NAMES.find((known) => known === value);
  if (name === undefined)
    throw new LineError(`"op" must be one of ${OPERATION_NAMES.join(', ')}; got ${describe(value)}`);
  return name;
}

function outcomeOf(value: unknown): boolean | null {
  if (value === true || value === false || value === null) return value;
  throw new LineError(`"ok" must be true, false, or null (unknown); got ${describe(value)}`);
}

function clientOf(value: unknown): number | string {
  if (typeof value === 'string' || (typeof value === 'number' && Number.isSafeInteger(value))) return value;
  throw new LineError(`"client" must be a whole number or a string; got ${describe(value)}`);
}

/** The values written, compared with and read; fields that this kind of operation does not use are left out. */
function contentOf(op: Operation['op'], ok: boolean | null, fields: Fields): Partial<Operation> {
  switch (op) {
    case 'put':
    case 'append':
      return { value: textOf(fields, 'value') };
    case 'get':
      // Only an answered get has a result.
      return ok === true ? { result: textOrNullOf(fields, 'result') } : {};
    case 'delete':
      return {};
    case 'cas': {
      const result = fields['result'] === undefined ? null : textOrNullOf(fields, 'result');
      const cas = { expected: textOrNullOf(fields, 'expected'), value: textOrNullOf(fields, 'value') };
      return ok === false ? { ...cas, result } : cas;
    }
  }
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string') return value;
  throw new LineError(`"${name}" must be a string; got ${describe(value)}`);
}

function textOrNullOf(fields: Fields, name: string): string | null {
  const value = fields[name];
  if (typeof value === 'string' || value === null) return value;
  throw new LineError(`"${name}" must be a string or null; got ${describe(value)}`);
}

interface Types {
  string: string;
  boolean: boolean;
}

function optional<Type extends keyof Types>(fields: Fields, name: string, type: Type): Types[Type] | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === type) return value as Types[Type];
  throw new LineError(`"${name}" must be a ${type}; got ${describe(value)}`);
}

function timeOf(fields: Fields, name: string, line: string): number | bigint {
  const value = fields[name];
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  // A number beyond 2^53 is read again from the text: rounded, it could change places with another.
  const digits = typeof value === 'number' ? bareValueOf(line, name) : value;
  if (typeof digits === 'string' && /^-?\d{1,40}$/.test(digits)) return BigInt(digits);
  throw new LineError(
    `"${name}" must be an integer, or an integer in quotes; got ${digits === value ? describe(value) : shortened(String(digits))}`,
  );
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  try {
    return shortened(JSON.stringify(value));
  } catch {
    // JSON.parse has no limit on nesting, JSON.stringify has one: the stack.
    return 'something that is nested too deeply to be shown';
  }
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
