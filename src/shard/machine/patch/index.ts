/**
 * Values that change in place: pure functions from bytes to bytes, which the state machine calls at apply.
 *
 * Every replica has to get the same result from the same arguments, whenever it applies the entry and with whichever
 * build: what these functions answer, faults included, is as fixed as a format. None throws.
 */
export { applyAppend } from './append.js';
export type { Faulty, PatchBounds, Patched, PatchFault } from './fault.js';
export { applyIncrement, type Incremented, type IncrementSpec } from './increment.js';
