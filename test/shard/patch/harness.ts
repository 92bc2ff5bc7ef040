import { applyJsonPatch, applyMergePatch, type PatchBounds } from '../../../src/shard/machine/index.js';

export const BOUNDS: PatchBounds = { valueBytes: 1024 * 1024, depth: 256, members: 100_000 };

/** The new text, or the fault. */
export function outcomeOf(result: ReturnType<typeof applyMergePatch>) {
  return 'fault' in result ? result.fault : Buffer.from(result.value).toString();
}

export const merge = (value: string | undefined, patch: string, bounds = BOUNDS) =>
  outcomeOf(applyMergePatch(value === undefined ? undefined : Buffer.from(value), Buffer.from(patch), bounds));

export const patchText = (value: string | undefined, patch: string, bounds = BOUNDS) =>
  outcomeOf(applyJsonPatch(value === undefined ? undefined : Buffer.from(value), Buffer.from(patch), bounds));

export const patch = (value: string | undefined, operations: readonly object[], bounds = BOUNDS) =>
  patchText(value, JSON.stringify(operations), bounds);
