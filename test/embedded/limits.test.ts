/** The public limits at the embedded store: one below, at, and one above. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DistributedKeyValueStore, KvorumError } from '../../src/index.js';
import { encodeValue } from '../../src/shard/index.js';

const MIB = 1024 * 1024;
let store: DistributedKeyValueStore;
beforeAll(() => {
  store = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 1 });
});
afterAll(() => store.close());

/** A key of so many encoded bytes, not counting the type tag before them. */
const keyOf = (bytes: number): string => 'k'.repeat(bytes);
/** A value of so many encoded bytes, including what the encoding adds. */
const textOf = (bytes: number): string => {
  const probe = 'v'.repeat(MIB);
  return 'v'.repeat(bytes - (encodeValue(probe).body.length - probe.length));
};
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
const codeOf = (act: () => unknown): Promise<string> =>
  Promise.resolve()
    .then(act)
    .then(
      () => 'taken',
      (error: unknown) => (error instanceof KvorumError ? error.code : String(error)),
    );

describe('the embedded store', () => {
  it.each([4_095, 4_096, 4_097])('a key of %d bytes', async (bytes) => {
    const key = keyOf(bytes);
    const calls = [() => store.put(key, 1), () => store.get(key), () => store.where(key), () => store.delete(key)];
    const wanted = bytes > 4_096 ? 'key-too-long' : 'taken';
    for (const call of calls) expect(await codeOf(call)).toBe(wanted);
  });

  it.each([16 * MIB, 16 * MIB + 1])('a value of %d bytes', async (bytes) => {
    const value = textOf(bytes);
    expect(encodeValue(value).body.length).toBe(bytes);
    expect(await codeOf(() => store.put('k', value))).toBe(bytes > 16 * MIB ? 'value-too-large' : 'taken');
  });

  it.each([31, 32, 33])('a key nested %d deep', async (depth) => {
    const answers = [await codeOf(() => store.put(nested(depth), 1)), await codeOf(() => store.get(nested(depth)))];
    for (const answer of answers) {
      if (depth > 32) expect(answer).toMatch(/RangeError|TypeError|invalid|deep|nest/i);
      else expect(answer).toBe('taken');
    }
  });
});
