/**
 * JSON Patch (RFC 6902): operations on one value, in order, all or nothing.
 *
 * What it may cost is bounded, whatever the operations are: the size of the value after each of them, and the steps of
 * all, which may be a constant and a few per byte of value and patch. Both bounds are part of what a patch means: with
 * others, replicas would disagree on whether an entry changed anything.
 */
import { faulty, tooLarge, type Faulty, type PatchBounds, type Patched, type PatchFault } from './fault.js';
import { isEqual } from './equality.js';
import { jsonPatchBounds, notAcceptable, readOperations, type JsonPatchOperation } from './parse.js';
import { indexOf, tokensOf } from './pointer.js';
import { finished, notJson } from './result.js';
import { readTape, type Tape, type TapeId } from './tape.js';
import { Tree, type Container, type Place, type Value } from './tree.js';

/** Steps that every patch may take: looking at a part, copying or comparing one. */
const FREE_STEPS = 100_000;
const STEPS_PER_BYTE = 4;
/** What is copied or added before something else is removed may need more room than the result. */
const ROOM_BETWEEN = 2;

/** An operation that cannot be done; its position is added where it is caught. */
class Failure extends Error {
  readonly fault: PatchFault;

  constructor({ fault }: Faulty) {
    super(fault.message);
    this.fault = fault;
  }
}

const failure = (message: string): Failure => new Failure(faulty('patch-failed', message));

/** An absent value can only be added as a whole, at the path `""`. */
export function applyJsonPatch(
  value: Uint8Array | undefined,
  patch: Uint8Array,
  bounds: PatchBounds,
): Patched | Faulty {
  const texts = value === undefined ? [patch] : [patch, value];
  const tape = readTape(texts, (index) => (index === 0 ? jsonPatchBounds(bounds) : bounds));
  if ('wrong' in tape) return tape.index === 0 ? notAcceptable(tape.wrong) : notJson(tape.wrong);
  const [list = 0, root] = tape.roots;
  const read = readOperations(tape, list, bounds);
  if ('fault' in read) return read;
  const patching = new Patching(tape, root, bounds.valueBytes);
  for (const [position, operation] of read.operations.entries()) {
    try {
      patching.apply(operation);
    } catch (error) {
      if (error instanceof Failure) return { fault: { ...error.fault, position } };
      throw error;
    }
  }
  if (patching.root === undefined) return faulty('patch-failed', 'the key is absent and the patch adds no value');
  return finished(patching.tree, patching.root, value, root, bounds);
}

class Patching {
  readonly tree: Tree;
  readonly #valueBytes: number;
  #root: Value | undefined;
  #steps: number;

  constructor(tape: Tape, root: TapeId | undefined, valueBytes: number) {
    this.tree = new Tree(tape, this.#spend);
    this.#root = root;
    this.#valueBytes = valueBytes;
    this.#steps = FREE_STEPS + STEPS_PER_BYTE * tape.text.length;
  }

  get root(): Value | undefined {
    return this.#root;
  }

  readonly #spend = (steps: number): void => {
    this.#steps -= steps;
    if (this.#steps < 0) throw failure('the patch takes too much work');
  };

  apply(operation: JsonPatchOperation): void {
    const { path } = operation;
    switch (operation.op) {
      case 'test':
        this.#test(path, operation.value);
        return;
      case 'remove':
        this.#remove(path);
        return;
      case 'replace':
        this.#replace(path, operation.value);
        break;
      case 'add':
        this.#add(path, operation.value);
        break;
      case 'copy':
        this.#add(path, this.tree.share(this.#find(operation.from)));
        break;
      case 'move':
        this.#move(operation.from, path);
        break;
    }
    const bytes = this.#root === undefined ? 0 : this.tree.bytes(this.#root);
    if (bytes > ROOM_BETWEEN * this.#valueBytes) throw new Failure(tooLarge(bytes, this.#valueBytes));
  }

  #test(path: string, value: Value): void {
    if (!isEqual(this.tree, this.#find(path), value, this.#spend)) throw failure(`${shown(path)} has another value`);
  }

  #move(from: string, path: string): void {
    const value = this.#find(from);
    if (from === path) return;
    this.#remove(from);
    this.#add(path, value);
  }

  #add(path: string, value: Value): void {
    const tokens = tokensOf(path);
    const last = tokens.pop();
    if (last === undefined) {
      this.#root = value;
      return;
    }
    const { node, up } = this.#walk(tokens, path);
    if (node.kind === 'object') {
      this.tree.set({ node, up }, last, Buffer.from(JSON.stringify(last)), value);
      return;
    }
    const index = last === '-' ? node.items.length : indexOf(last);
    if (index === undefined || index > node.items.length) throw failure(`${shown(path)} is no place in the array`);
    this.tree.insert({ node, up }, index, value);
  }

  #remove(path: string): void {
    const tokens = tokensOf(path);
    const last = tokens.pop() ?? '';
    const { node, up } = this.#walk(tokens, path);
    childOf(node, last, path);
    if (node.kind === 'object') this.tree.delete({ node, up }, last);
    else this.tree.removeAt({ node, up }, Number(last));
  }

  #replace(path: string, value: Value): void {
    const tokens = tokensOf(path);
    const last = tokens.pop();
    if (last === undefined) {
      this.#existing();
      this.#root = value;
      return;
    }
    const { node, up } = this.#walk(tokens, path);
    childOf(node, last, path);
    if (node.kind === 'object') this.tree.set({ node, up }, last, Buffer.alloc(0), value);
    else this.tree.replace({ node, up }, Number(last), value);
  }

  #find(path: string): Value {
    const tokens = tokensOf(path);
    const last = tokens.pop();
    return last === undefined ? this.#existing() : childOf(this.#walk(tokens, path).node, last, path);
  }

  #existing(): Value {
    if (this.#root === undefined) throw failure('the key is absent');
    return this.#root;
  }

  /** The container at the end of the tokens, with all containers on the way owned by this place alone. */
  #walk(tokens: readonly string[], path: string): Place {
    this.#spend(1 + tokens.length);
    const root = this.tree.own(this.#existing());
    if (root === undefined) throw failure(`${shown(path)} does not exist: the value has no parts`);
    this.#root = root;
    let place: Place = { node: root, up: undefined };
    for (const token of tokens) {
      const child = childOf(place.node, token, path);
      const node = this.tree.own(child);
      if (node === undefined) throw failure(`${shown(path)} does not exist: what is before it has no parts`);
      if (node !== child) putBack(place.node, token, node);
      place = { node, up: place };
    }
    return place;
  }
}

function childOf(node: Container, token: string, path: string): Value {
  const index = node.kind === 'object' ? undefined : indexOf(token);
  const child = node.kind === 'object' ? node.members.get(token)?.value : node.items[index ?? -1];
  if (child === undefined) throw failure(`${shown(path)} does not exist`);
  return child;
}

/** The same value, in the form of a node: nothing that has to be measured anew. */
function putBack(node: Container, token: string, value: Container): void {
  if (node.kind === 'array') node.items[Number(token)] = value;
  else {
    const member = node.members.get(token);
    if (member !== undefined) member.value = value;
  }
}

/** A fault is kept as the answer of the write: its text must not grow with the path. */
const SHOWN = 80;
const shown = (path: string): string =>
  path.length <= SHOWN ? JSON.stringify(path) : `a path of ${path.length} characters`;
