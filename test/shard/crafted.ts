/** Frames written by hand, byte by byte, independent of the encoder. */
import { WIRE_VERSION } from '../../src/shard/transport/wire.js';

type Bytes = readonly number[];

const little = (width: number, value: bigint): Bytes =>
  Array.from({ length: width }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));

export const u8 = (value: number): Bytes => [value];
export const u16 = (value: number): Bytes => little(2, BigInt(value));
export const u32 = (value: number): Bytes => little(4, BigInt(value));
export const u48 = (...values: number[]): Bytes => values.flatMap((value) => little(6, BigInt(value)));
export const u64 = (value: bigint): Bytes => little(8, value);
export const f64 = (value: number): Bytes => [...new Uint8Array(new Float64Array([value]).buffer)];
export const text = (value: string): Bytes => {
  const bytes = [...new TextEncoder().encode(value)];
  return [...u32(bytes.length), ...bytes];
};
export const ascii = (value: string): Bytes => [value.length, ...new TextEncoder().encode(value)];

export const bytesOf = (...parts: Bytes[]): Uint8Array => Uint8Array.from(parts.flat());

/** A frame from node 1 to node 2 with these bytes after the header. */
export const frame = (...parts: Bytes[]): Uint8Array => frameBetween(1, 2, ...parts);

export const frameBetween = (from: number, to: number, ...parts: Bytes[]): Uint8Array =>
  bytesOf(u8(WIRE_VERSION), u16(from), u16(to), ...parts);

/** A term notice of group 1 in term 1: the shortest raft message. */
export const termNotice: Bytes = [...u8(11), ...u32(1), ...u48(1)];
