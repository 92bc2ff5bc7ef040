/**
 * JSON Merge Patch (RFC 7396): members of the patch replace those of the value, `null` removes them.
 *
 * The result has no more than the value and the patch together, so it needs no bound but that of its own size.
 */
import type { Faulty, PatchBounds, Patched } from './fault.js';
import { notAcceptable } from './parse.js';
import { finished, notJson } from './result.js';
import { readTape, type TapeId } from './tape.js';
import { Tree, type ObjectNode, type Place, type Value } from './tree.js';

const free = (): void => undefined;

/** An absent value counts as no object, as in the RFC: it is created. */
export function applyMergePatch(
  value: Uint8Array | undefined,
  patch: Uint8Array,
  bounds: PatchBounds,
): Patched | Faulty {
  const tape = readTape(value === undefined ? [patch] : [patch, value], () => bounds);
  if ('wrong' in tape) return tape.index === 0 ? notAcceptable(tape.wrong) : notJson(tape.wrong);
  const tree = new Tree(tape, free);
  const [from = 0, target] = tape.roots;
  return finished(tree, merged(tree, target, from), value, target, bounds);
}

/** An object of the patch, with the object that it is merged into. */
interface Merging {
  readonly place: Place<ObjectNode>;
  at: TapeId;
  readonly end: TapeId;
}

function merged(tree: Tree, target: Value | undefined, patch: TapeId): Value {
  const { tape } = tree;
  if (tape.kind(patch) !== 'object') return patch;
  const begin = (node: ObjectNode, from: TapeId, up?: Place): Merging => {
    return { place: { node, up }, at: from + 1, end: tape.after(from) };
  };
  const root = objectIn(tree, target) ?? tree.emptyObject();
  const open = [begin(root, patch)];
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    if (top.at >= top.end) {
      open.pop();
      continue;
    }
    const { place, at: name } = top;
    const value = name + 1;
    top.at = tape.after(value);
    const key = tape.string(name);
    const kind = tape.kind(value);
    if (kind === 'null') tree.delete(place, key);
    else if (kind === 'object') open.push(begin(objectMember(tree, place, key, name), value, place));
    else tree.set(place, key, name, value);
  }
  return root;
}

/** The object that is the member, or an empty one that takes the place of anything else. */
function objectMember(tree: Tree, place: Place<ObjectNode>, key: string, name: TapeId): ObjectNode {
  const member = place.node.members.get(key);
  const found = objectIn(tree, member?.value);
  if (found === undefined || member === undefined) {
    const made = tree.emptyObject();
    tree.set(place, key, name, made);
    return made;
  }
  member.value = found;
  return found;
}

function objectIn(tree: Tree, value: Value | undefined): ObjectNode | undefined {
  if (value === undefined || tree.kind(value) !== 'object') return undefined;
  const node = tree.own(value);
  return node?.kind === 'object' ? node : undefined;
}
