/**
 * Request bodies that say how to change a JSON value. The front refuses what is malformed with the name of the field;
 * apply reads the same bytes with the same functions, so that nothing can be malformed there that was not at the front.
 */
import { strictJsonError } from '../../strict-json.js';
import { bufferOf, faulty, type Faulty, type PatchBounds } from './fault.js';
import { isWithin, pointerError } from './pointer.js';
import { readTape, type Tape, type TapeId } from './tape.js';

/** A body that `applyMergePatch` or `applyJsonPatch` understands. */
export interface ParsedPatch {
  readonly patch: Uint8Array;
}

export type JsonPatchOperation = { readonly path: string } & (
  | { readonly op: 'add' | 'replace' | 'test'; readonly value: TapeId }
  | { readonly op: 'remove' }
  | { readonly op: 'move' | 'copy'; readonly from: string }
);

type JsonBounds = Omit<PatchBounds, 'valueBytes'>;

/** A value in a JSON Patch stands in an operation in the list. */
const LEVELS_AROUND_VALUES = 2;

const malformed = (message: string, field: string, position?: number): Faulty =>
  faulty('invalid-request', message, position === undefined ? { field } : { field, position });

/** RFC 7396: any JSON is a merge patch. */
export function parseMergePatch(body: Uint8Array, bounds: JsonBounds): ParsedPatch | Faulty {
  const wrong = strictJsonError(bufferOf(body), bounds);
  return wrong === undefined ? { patch: body } : notAcceptable(wrong);
}

/** RFC 6902, without looking at any value that it may be applied to. */
export function parseJsonPatch(body: Uint8Array, bounds: JsonBounds): ParsedPatch | Faulty {
  const tape = readTape([body], () => jsonPatchBounds(bounds));
  if ('wrong' in tape) return notAcceptable(tape.wrong);
  const read = readOperations(tape, tape.roots[0] ?? 0, bounds);
  return 'fault' in read ? read : { patch: body };
}

/** Bounds of the text of a JSON Patch, by those of values. */
export const jsonPatchBounds = <B extends JsonBounds>(bounds: B): B => ({
  ...bounds,
  depth: bounds.depth + LEVELS_AROUND_VALUES,
});

export const notAcceptable = (wrong: string): Faulty => malformed(`the body is not acceptable JSON: ${wrong}`, 'body');

export function readOperations(
  tape: Tape,
  root: TapeId,
  { depth }: JsonBounds,
): { readonly operations: readonly JsonPatchOperation[] } | Faulty {
  if (tape.kind(root) !== 'array') return malformed('a JSON Patch is an array of operations', 'body');
  const operations: JsonPatchOperation[] = [];
  for (let id = root + 1, end = tape.after(root); id < end; id = tape.after(id)) {
    const read = readOperation(tape, id, depth);
    if ('wrong' in read) {
      const position = operations.length;
      const field = `body[${position}]${read.at === '' ? '' : `.${read.at}`}`;
      return malformed(read.wrong, field, position);
    }
    operations.push(read);
  }
  return { operations };
}

interface Wrong {
  readonly wrong: string;
  readonly at: string;
}

type Fields = Readonly<Record<'op' | 'path' | 'from' | 'value', TapeId | undefined>>;

function readOperation(tape: Tape, id: TapeId, depth: number): JsonPatchOperation | Wrong {
  if (tape.kind(id) !== 'object') return { wrong: 'an operation is an object', at: '' };
  const fields = fieldsOf(tape, id);
  const op = stringIn(tape, fields.op);
  const path = pointerIn(tape, fields.path, 'path', depth);
  switch (op) {
    case 'add':
    case 'replace':
    case 'test':
      if (typeof path !== 'string') return path;
      if (fields.value === undefined) return { wrong: `${op} needs a value`, at: 'value' };
      return { op, path, value: fields.value };
    case 'remove':
      if (typeof path !== 'string') return path;
      return path === '' ? { wrong: 'the whole value cannot be removed; delete the key', at: 'path' } : { op, path };
    case 'move':
    case 'copy': {
      if (typeof path !== 'string') return path;
      const from = pointerIn(tape, fields.from, 'from', depth);
      if (typeof from !== 'string') return from;
      const isIntoItself = op === 'move' && isWithin(path, from);
      return isIntoItself ? { wrong: 'a value cannot be moved into itself', at: 'path' } : { op, path, from };
    }
    case undefined:
    default:
      return { wrong: 'one of add, remove, replace, move, copy, test', at: 'op' };
  }
}

/** Members that RFC 6902 does not name are ignored, as it demands. */
function fieldsOf(tape: Tape, id: TapeId): Fields {
  const fields: Record<keyof Fields, TapeId | undefined> = {
    op: undefined,
    path: undefined,
    from: undefined,
    value: undefined,
  };
  for (let name = id + 1, end = tape.after(id); name < end; name = tape.after(name + 1)) {
    const key = tape.name(name);
    if (key === 'op' || key === 'path' || key === 'from' || key === 'value') fields[key] = name + 1;
  }
  return fields;
}

const stringIn = (tape: Tape, id: TapeId | undefined): string | undefined =>
  id === undefined || tape.kind(id) !== 'string' ? undefined : tape.string(id);

function pointerIn(tape: Tape, id: TapeId | undefined, at: string, depth: number): string | Wrong {
  const text = stringIn(tape, id);
  const wrong = text === undefined ? 'a string is needed: a JSON Pointer' : pointerError(text, depth);
  return wrong === undefined ? (text ?? '') : { wrong, at };
}
