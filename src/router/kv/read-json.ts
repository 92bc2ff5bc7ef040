/**
 * Reads JSON bodies of requests without losing anything: integers become bigints, and values that are kept as they were
 * written, or read by somebody else (keys, values, patches), stay text.
 *
 * What the result must look like is said by schemas (`schemas.ts`), so it needs no bounds but those of the text.
 */
import { readTape, type JsonBounds, type Tape, type TapeId } from '../../shard/index.js';
import { invalid } from '../http/index.js';

/** JSON as it was written. */
export class JsonText {
  readonly #tape: Tape;
  readonly #id: TapeId;

  constructor(tape: Tape, id: TapeId) {
    this.#tape = tape;
    this.#id = id;
  }

  /** Shared with the body of the request. */
  get bytes(): Buffer {
    return this.#tape.slice(this.#id);
  }

  /** The characters of a string; undefined for anything else. */
  get string(): string | undefined {
    return this.#tape.kind(this.#id) === 'string' ? this.#tape.string(this.#id) : undefined;
  }
}

/** Containers within containers that are looked into; no schema has as many. */
const MAX_DEPTH = 8;
const INTEGER = /^(?:0|-?[1-9][0-9]{0,29})$/;

/**
 * An object whose prototype has nothing, so that a member `__proto__` is one like any other. Not made by
 * `Object.create(null)`: objects without a prototype are hash tables, which schemas read several times slower.
 */
const Members = function () {
  // Members are added as they are read.
} as unknown as new () => Record<string, unknown>;
Members.prototype = Object.create(null) as object;

/**
 * Objects have no members but those of the text, also if one is called `__proto__`.
 * @param raw names of members whose values stay text
 * @param fieldOf the name of each text, for refusals
 * @throws KvorumError `invalid-request`
 */
export function readJson(
  texts: readonly Buffer[],
  { raw, bounds, fieldOf }: { raw: ReadonlySet<string>; bounds: JsonBounds; fieldOf: (index: number) => string },
): unknown[] {
  const tape = readTape(texts, () => bounds);
  if ('wrong' in tape) throw invalid(fieldOf(tape.index), `not acceptable JSON: ${tape.wrong}`);
  return tape.roots.map((root) => valueAt(tape, root, raw, 0));
}

function valueAt(tape: Tape, id: TapeId, raw: ReadonlySet<string>, depth: number): unknown {
  switch (tape.kind(id)) {
    case 'object':
      return depth > MAX_DEPTH ? new JsonText(tape, id) : objectAt(tape, id, raw, depth);
    case 'array':
      return depth > MAX_DEPTH ? new JsonText(tape, id) : arrayAt(tape, id, raw, depth);
    case 'string':
      return tape.string(id);
    case 'number':
      return numberAt(tape, id);
    case 'true':
      return true;
    case 'false':
      return false;
    case 'null':
      return null;
  }
}

function objectAt(tape: Tape, id: TapeId, raw: ReadonlySet<string>, depth: number): object {
  const members = new Members();
  for (let name = id + 1, end = tape.after(id); name < end; name = tape.after(name + 1)) {
    const key = tape.name(name);
    members[key] = raw.has(key) ? new JsonText(tape, name + 1) : valueAt(tape, name + 1, raw, depth + 1);
  }
  return members;
}

function arrayAt(tape: Tape, id: TapeId, raw: ReadonlySet<string>, depth: number): unknown[] {
  const items: unknown[] = [];
  for (let item = id + 1, end = tape.after(id); item < end; item = tape.after(item)) {
    items.push(valueAt(tape, item, raw, depth + 1));
  }
  return items;
}

/** A number with a point or an exponent is no integer here, whatever its value, and stays text. */
function numberAt(tape: Tape, id: TapeId): bigint | JsonText {
  const text = tape.bytes(id) > 31 ? '' : tape.slice(id).toString('latin1');
  return INTEGER.test(text) ? BigInt(text) : new JsonText(tape, id);
}
