/**
 * Parses one line of a recorded history, checked field by field. An error is one sentence, without the number of the
 * line, which the reader of the file adds.
 *
 * Unknown fields are ignored: recorders may note more than a checker needs. A duplicate field is an error, because
 * it is ambiguous which one was meant.
 */
import { clientOf, describe, LineError, outcomeOf, parseObject, timeOf, timesOf, type Fields } from './line-fields.js';
import { isInteger } from './numbers.js';
import { OPERATION_NAMES, type Operation } from './operation.js';

/** @throws LineError */
export function parseOperation(line: string): Operation {
  const fields = parseObject(line);
  const op = nameOf(fields['op']);
  const ok = outcomeOf(fields['ok']);
  const error = optional(fields, 'error', 'string');
  if (ok === true && error !== undefined && error !== '') throw new LineError('"ok" is true, and there is an "error"');
  const existed = optional(fields, 'existed', 'boolean');
  return {
    client: clientOf(fields['client']),
    op,
    key: textOf(fields, 'key'),
    ok,
    ...contentOf(op, ok, fields),
    ...(existed === undefined ? {} : { existed }),
    ...(error === undefined ? {} : { error }),
    ...timesOf(fields, ok, line),
    ...lifeOf(op, fields, line),
  };
}

/** Time to live; null is as good as none. */
function lifeOf(op: Operation['op'], fields: Fields, line: string): Pick<Operation, 'ttl'> {
  const given = fields['ttl'];
  if (given === undefined || given === null || !LIVES.has(op)) return {};
  const ttl = timeOf(fields, 'ttl', line);
  if (ttl < 0) throw new LineError(`"ttl" (${String(ttl)}) is below 0`);
  return { ttl };
}

const LIVES: ReadonlySet<Operation['op']> = new Set(['put', 'cas', 'touch'] as const);

function nameOf(value: unknown): Operation['op'] {
  const name = OPERATION_NAMES.find((known) => known === value);
  if (name === undefined)
    throw new LineError(`"op" must be one of ${OPERATION_NAMES.join(', ')}; got ${describe(value)}`);
  return name;
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
    case 'touch':
      return {};
    case 'increment':
      // Only an answered increment has a result.
      return { value: integerOf(fields, 'value'), ...(ok === true ? { result: integerOf(fields, 'result') } : {}) };
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

function integerOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && isInteger(value)) return value;
  throw new LineError(`"${name}" must be an integer in quotes, without leading zeros; got ${describe(value)}`);
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
