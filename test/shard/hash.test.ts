import fc from 'fast-check';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { hash64, hex64, keyHash, loadHash, shardOfKey } from '../../src/shard/keys/hash.js';
import { encodeKey, stringKey } from '../../src/shard/keys/index.js';

const xxh = (text: string): string => {
  const { high, low } = hash64(Buffer.from(text));
  return hex64(high, low);
};

describe('before the hash is loaded', () => {
  it('throws an error that names the cause', async () => {
    // Another test in this process may have loaded it.
    vi.resetModules();
    const fresh = await import('../../src/shard/keys/hash.js');
    expect(() => fresh.hash64(new Uint8Array(1))).toThrow(/loadHash/);
  });
});

describe('xxHash64', () => {
  beforeAll(loadHash);

  it.each([
    ['', 'ef46db3751d8e999'],
    ['a', 'd24ec4f1a98c6e5b'],
    ['as', '1c330fb2d66be179'],
    ['asd', '631c37ce72a97393'],
    ['asdf', '415872f599cea71e'],
    ['abc', '44bc2cf5ad770999'],
    ['Call me Ishmael. Some years ago--never mind how long precisely-', '02a2e85470d6fd96'],
    ['Nobody inspects the spammish repetition', 'fbcea83c8a378bf1'],
  ])('agrees with the published vector of %j', (text, digest) => {
    expect(xxh(text)).toBe(digest);
  });

  it('is loaded once', async () => {
    expect(loadHash()).toBe(loadHash());
    await loadHash();
  });

  it('hashes what is larger than its first page of memory', () => {
    const large = new Uint8Array(3 << 20);
    const first = { ...hash64(large) };
    large[large.length - 1] = 1;
    expect({ ...hash64(large) }).not.toEqual(first);
  });
});

describe('the shard of a key', () => {
  beforeAll(loadHash);

  // Pinned: a change here loses every key of every cluster that exists.
  it.each([
    ['', [0, 0, 0, 32, 712, 23584]],
    ['a', [0, 0, 8, 56, 432, 38072]],
    ['user:42', [0, 0, 8, 40, 888, 25704]],
    ['{user42}:cart', [0, 1, 3, 51, 491, 63155]],
    ['user42', [0, 1, 3, 51, 491, 63155]],
    ['schlüssel', [0, 0, 8, 40, 400, 24168]],
    [
      ['user', 42],
      [0, 0, 2, 2, 682, 17410],
    ],
    [42, [0, 0, 2, 18, 810, 55186]],
    [42n, [0, 1, 11, 59, 883, 28091]],
    [null, [0, 1, 9, 57, 649, 61561]],
    [new Uint8Array(0), [0, 1, 7, 23, 151, 64791]],
    [Uint8Array.of(1, 2, 3), [0, 0, 14, 62, 174, 42174]],
    [{ b: 1, a: [true] }, [0, 1, 5, 37, 277, 17573]],
  ])('%o', (key, shards) => {
    expect([1, 2, 16, 64, 1000, 65_536].map((count) => shardOfKey(encodeKey(key), count))).toEqual(shards);
  });

  it('is the hash modulo the number of shards', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 64, size: 'max' }),
        fc.integer({ min: 1, max: 65_536 }),
        (bytes, count) => {
          const key = encodeKey(bytes);
          expect(BigInt(shardOfKey(key, count))).toBe(BigInt(`0x${keyHash(key)}`) % BigInt(count));
        },
      ),
    );
  });

  it('spreads keys evenly', () => {
    const counts = new Array<number>(64).fill(0);
    for (let key = 0; key < 64_000; key += 1) counts[shardOfKey(stringKey(`user:${key}`), 64)]! += 1;
    // Mean 1,000, standard deviation 31: six of them.
    expect(Math.max(...counts)).toBeLessThan(1190);
    expect(Math.min(...counts)).toBeGreaterThan(810);
  });

  it('is decided by the hash tag alone, as if that were the key', () => {
    const part = fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => text.replaceAll(/[{}]/g, ''));
    fc.assert(
      fc.property(
        part,
        part.filter((tag) => tag !== ''),
        part,
        (before, tag, after) => {
          expect(keyHash(stringKey(`${before}{${tag}}${after}{x}}`))).toBe(keyHash(stringKey(tag)));
        },
      ),
    );
  });

  it('is decided by the whole key where there is no tag', () => {
    const whole = (text: string): string => {
      const { high, low } = hash64(stringKey(text));
      return hex64(high, low);
    };
    for (const text of ['', 'a{}b', '{}{tag}', '}{', 'a{', 'a}', '{tag', 'tag}', '{}']) {
      expect(keyHash(stringKey(text))).toBe(whole(text));
    }
  });

  it('has a tag in string keys only', () => {
    const bytes = (text: string): string => keyHash(encodeKey(Buffer.from(text)));
    expect(bytes('{t}a')).not.toBe(bytes('{t}b'));
    expect(keyHash(encodeKey(['{t}a']))).not.toBe(keyHash(encodeKey(['{t}b'])));
  });

  it('does not disturb the key', () => {
    const key = stringKey('{tag}rest');
    const copy = Uint8Array.from(key);
    shardOfKey(key, 7);
    shardOfKey(stringKey('{other}'), 7);
    expect(Uint8Array.from(key)).toEqual(copy);
  });
});
