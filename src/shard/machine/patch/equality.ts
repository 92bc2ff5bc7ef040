/**
 * Equality of JSON values: numbers by what they are, exactly (1 = 1.0 = 10e-1); strings by their characters, however
 * they are escaped; objects without regard to order; arrays element by element.
 */
import { STORED_JSON, bufferOf } from './fault.js';
import { isSameNumber } from './number.js';
import { readTape, type Kind, type Tape, type TapeId } from './tape.js';
import { Tree, textOf, type Value } from './tree.js';

/** Bytes that are compared in a step, as they are and as what they mean. */
const COMPARED_AT_ONCE = 256;
const READ_AT_ONCE = 4;

const free = (): void => undefined;

/** Whether both are JSON, and equal as such, or the same bytes. */
export function jsonEquals(a: Uint8Array, b: Uint8Array, bounds = STORED_JSON): boolean {
  const [left, right] = [bufferOf(a), bufferOf(b)];
  if (left.equals(right)) return true;
  const tape = readTape([left, right], () => bounds);
  if ('wrong' in tape) return false;
  const [x = 0, y = 0] = tape.roots;
  return isEqual(new Tree(tape, free), x, y, free);
}

/** Containers in two containers that have to be equal; the last word is whether all else in them is. */
type Pairs = Generator<readonly [Value, Value], boolean>;

export function isEqual(tree: Tree, a: Value, b: Value, spend: (steps: number) => void): boolean {
  const comparison = new Comparison(tree, spend);
  const verdict = comparison.verdict(a, b);
  if (verdict !== undefined) return verdict;
  const open: Pairs[] = [comparison.within(a, b)];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const next = top.next();
    if (next.done !== true) open.push(comparison.within(...next.value));
    else if (next.value) open.pop();
    else return false;
  }
  return true;
}

class Comparison {
  readonly #tree: Tree;
  readonly #spend: (steps: number) => void;

  constructor(tree: Tree, spend: (steps: number) => void) {
    this.#tree = tree;
    this.#spend = spend;
  }

  /** Undefined for containers of one kind, unless their texts are the same. */
  verdict(a: Value, b: Value): boolean | undefined {
    const { tape } = this.#tree;
    const kind = this.#tree.kind(a);
    if (kind !== this.#tree.kind(b)) return false;
    const [left, right] = [textOf(a), textOf(b)];
    if (left === undefined || right === undefined) return undefined;
    const [bytes, others] = [tape.bytes(left), tape.bytes(right)];
    this.#spend(1 + (bytes === others ? bytes / COMPARED_AT_ONCE : 0));
    if (tape.isSameText(left, right)) return true;
    if (kind === 'object' || kind === 'array') return undefined;
    this.#spend((bytes + others) / READ_AT_ONCE);
    return isSameScalar(tape, kind, left, right);
  }

  /** For two containers of one kind. */
  within(a: Value, b: Value): Pairs {
    return this.#tree.kind(a) === 'object' ? this.#members(a, b) : this.#items(a, b);
  }

  *#members(a: Value, b: Value): Pairs {
    const [left, right] = [this.#tree.membersOf(a), this.#tree.membersOf(b)];
    if (left.size !== right.size) return false;
    for (const [key, { value }] of left) {
      const other = right.get(key)?.value;
      if (other === undefined) return false;
      const verdict = this.verdict(value, other);
      if (verdict === false) return false;
      if (verdict === undefined) yield [value, other];
    }
    return true;
  }

  *#items(a: Value, b: Value): Pairs {
    const [left, right] = [this.#tree.itemsOf(a), this.#tree.itemsOf(b)];
    for (;;) {
      const [x, y] = [left(), right()];
      if (x === undefined) return y === undefined;
      if (y === undefined) return false;
      const verdict = this.verdict(x, y);
      if (verdict === false) return false;
      if (verdict === undefined) yield [x, y];
    }
  }
}

function isSameScalar(tape: Tape, kind: Kind, a: TapeId, b: TapeId): boolean {
  if (kind === 'number') return isSameNumber(tape.slice(a).toString('latin1'), tape.slice(b).toString('latin1'));
  if (kind !== 'string') return true;
  return (tape.isEscaped(a) || tape.isEscaped(b)) && tape.string(a) === tape.string(b);
}
