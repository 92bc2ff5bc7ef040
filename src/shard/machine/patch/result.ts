/** The end of a patch: the changed value as text, if it is one that could have been put. */
import { strictJsonError } from '../../strict-json.js';
import { faulty, tooLarge, type Faulty, type PatchBounds, type Patched } from './fault.js';
import type { TapeId } from './tape.js';
import { textOf, type Tree, type Value } from './tree.js';
import { writeValue } from './write.js';

/** `original` is the place of `value` in the tape: if that is the result, it keeps the white space around it. */
export function finished(
  tree: Tree,
  result: Value,
  value: Uint8Array | undefined,
  original: TapeId | undefined,
  bounds: PatchBounds,
): Patched | Faulty {
  const isUnchanged = value !== undefined && textOf(result) === original;
  const bytes = isUnchanged ? value.length : tree.bytes(result);
  if (bytes > bounds.valueBytes) return tooLarge(bytes, bounds.valueBytes);
  if (isUnchanged) return { value };
  const text = writeValue(tree, result);
  const wrong = strictJsonError(text, bounds);
  return wrong === undefined ? { value: text } : faulty('patch-failed', `the new value would be refused: ${wrong}`);
}

export const notJson = (wrong: string): Faulty => faulty('wrong-type', `the value is not acceptable JSON: ${wrong}`);
