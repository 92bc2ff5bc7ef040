/** The parts of a program that delete a range, as `program-codec.ts` writes them. */
import { MAX_BOUND_BYTES } from './bounds.js';
import { WireError, type ByteReader, type ByteWriter } from './byte-buffer.js';
import type { DeleteRange, Program, Step, StepResult } from './program.js';

/** Keys that one entry deletes. */
export const MAX_DELETED_KEYS = 10_000;

const HAS_BOUND = 1;

type Deleted = Extract<StepResult, { type: 'delete-range' }>;

export function writeDeleteRange(out: ByteWriter, { to, most, mostBytes }: DeleteRange): void {
  writeBound(out, to);
  out.u32(checkedMost(most));
  out.u48(mostBytes);
}

export function readDeleteRange(input: ByteReader): Pick<DeleteRange, 'to' | 'most' | 'mostBytes'> {
  return { to: readBound(input), most: checkedMost(input.u32()), mostBytes: input.u48() };
}

export function writeDeleted(out: ByteWriter, { deleted, rest }: Deleted): void {
  out.u32(deleted);
  writeBound(out, rest);
}

export function readDeleted(input: ByteReader): Deleted {
  return { type: 'delete-range', deleted: input.u32(), rest: readBound(input) };
}

/** @throws WireError if the program deletes a range and does anything else */
export function checkRangeStep({ comparisons, then, otherwise }: Program): void {
  if (!then.some(isDeleteRange) && !otherwise.some(isDeleteRange)) return;
  const [{ condition, returning } = { condition: { type: 'none' }, returning: 'nothing' }] = then;
  const isPlain = condition.type === 'none' && returning === 'nothing';
  if (comparisons.length > 0 || then.length > 1 || otherwise.length > 0 || !isPlain) {
    throw new WireError('a range is deleted by a program of its own');
  }
}

const isDeleteRange = ({ type }: Step): boolean => type === 'delete-range';

/** Whether the program is over a range of its shard, to which no key of it leads. */
export const isOverRange = ({ then }: Program): boolean => then[0]?.type === 'delete-range';

function writeBound(out: ByteWriter, bound: Uint8Array | undefined): void {
  out.u8(bound === undefined ? 0 : HAS_BOUND);
  if (bound !== undefined) out.shortBytes(checkedBound(bound));
}

function readBound(input: ByteReader): Uint8Array | undefined {
  return input.flags(HAS_BOUND) === 0 ? undefined : checkedBound(input.shortBytes());
}

function checkedBound(bound: Uint8Array): Uint8Array {
  if (bound.length < 1 || bound.length > MAX_BOUND_BYTES) throw new WireError(`a bound of ${bound.length} bytes`);
  return bound;
}

function checkedMost(most: number): number {
  if (!(most >= 1 && most <= MAX_DELETED_KEYS)) throw new WireError(`${most} keys to delete by one entry`);
  return most;
}
