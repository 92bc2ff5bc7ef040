/**
 * Values that change in place: pure functions from bytes to bytes, which the state machine calls at apply.
 *
 * Every replica has to get the same result from the same arguments, whenever it applies the entry and with whichever
 * build: what these functions answer, faults included, is as fixed as a format. `strict-json.ts` is part of that. None of
 * them throws, none recurses, and what each may take of memory and time is bounded by its arguments.
 *
 * JSON that is changed keeps its numbers, strings, names and order as they were written. Containers in which something
 * changed lose the white space between their parts; all others are left as they are, byte for byte. What a patch adds is
 * written as in the patch, but for the objects that a merge patch creates member by member.
 */
export { applyAppend } from './append.js';
export { jsonEquals } from './equality.js';
export type { Faulty, PatchBounds, Patched, PatchFault } from './fault.js';
export { applyIncrement, type Incremented, type IncrementSpec } from './increment.js';
export { applyJsonPatch } from './json-patch.js';
export { applyMergePatch } from './merge-patch.js';
export { parseJsonPatch, parseMergePatch, type ParsedPatch } from './parse.js';
export { readTape, type Kind as JsonKind, type Tape, type TapeId } from './tape.js';
