import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeKey, encodeKey, isKeyType, parseKeyText } from '../../src/shard/keys/index.js';
import { codeOf } from '../support/error-code.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('keys as text', () => {
  it('a string stands for itself, whatever its characters', () => {
    for (const any of [
      'a',
      '../../etc/passwd',
      '/',
      '//',
      '.',
      '?',
      '#',
      '\u0000',
      '\\',
      '\r\n',
      '😀',
      '__proto__',
      '%',
      "'; --",
    ]) {
      expect(decodeKey(parseKeyText(any))).toBe(any);
    }
    expect(hex(parseKeyText('\u00e9'))).not.toBe(hex(parseKeyText('e\u0301')));
    expect(decodeKey(parseKeyText(''))).toBe('');
    expect(codeOf(() => parseKeyText('a'.repeat(4097)))).toBe('key-too-long');
  });

  it('JSON stands for its value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (any) => {
        const blanks = JSON.stringify(any, undefined, 2);
        expect(hex(parseKeyText(blanks, 'json'))).toBe(hex(encodeKey(any)));
      }),
    );
  });

  it.each([
    ['["user",42]', ['user', 42]],
    [' { "b" : [ ] , "a" : { } } ', { a: {}, b: [] }],
    ['"\\u0041\\n\\ud83d\\ude00"', 'A\n😀'],
    ['""', ''],
    [' "" ', ''],
    ['[""]', ['']],
    ['-0', 0],
    ['-1.5e3', -1500],
    ['9007199254740993e0', 9007199254740992],
    ['1152921504606846976', 2 ** 60],
    ['1152921504606847000', 2 ** 60],
    ['{"__proto__":1}', JSON.parse('{"__proto__":1}')],
  ])('%s', (json, any) => {
    expect(hex(parseKeyText(json, 'json'))).toBe(hex(encodeKey(any)));
  });

  it.each([
    '', ' ', '"', '{', '[', '[1', '[1,', '[1,]', '[,1]', '{"a"}', '{"a":}', '{"a":1,}', '{a:1}', '{1:1}', "'a'", '"a', '"\\x"', '"\\u12"',
    '"\n"', 'tru', 'nul', 'NaN', 'Infinity', '01', '+1', '.5', '1.', '1e', '-', '0x10', '1 2', '[] []', 'null,', '\ufeff1', '//1\n1', '1e400',
    '-1e400', '{"a":1,"a":2}', '{"a":1,"\\u0061":2}', '"\\ud800"', '{"\\udc00":1}', '9007199254740993', '123456789012345678901', '"a\\', '}', ':',
  ])('refuses %j as JSON', (json) => {
    expect(codeOf(() => parseKeyText(json, 'json'))).toBe('invalid-request');
  }); // prettier-ignore

  it('bounds depth and length of JSON', () => {
    expect(codeOf(() => parseKeyText('['.repeat(30_000), 'json'))).toBe('invalid-request');
    expect(codeOf(() => parseKeyText('['.repeat(33) + ']'.repeat(33), 'json'))).toBe('invalid-request');
    expect(codeOf(() => parseKeyText('['.repeat(32) + ']'.repeat(32), 'json'))).toBe('none');
    expect(codeOf(() => parseKeyText('['.repeat(100_000), 'json'))).toBe('key-too-long');
    expect(codeOf(() => parseKeyText(`[${'1,'.repeat(2000)}1]`, 'json'))).toBe('key-too-long');
    expect(codeOf(() => parseKeyText(`"${'\\u0041'.repeat(4096)}"`, 'json'))).toBe('none');
  });

  it('base64url stands for bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40, size: 'max' }), (any) => {
        expect(hex(parseKeyText(Buffer.from(any).toString('base64url'), 'base64url'))).toBe(hex(encodeKey(any)));
      }),
    );
    for (const wrong of ['=', 'YQ==', 'Y', 'YR', 'Y Q', 'a+b/', 'é', 'YQ\n']) {
      expect(codeOf(() => parseKeyText(wrong, 'base64url'))).toBe('invalid-request');
    }
    expect(codeOf(() => parseKeyText('A'.repeat(5464), 'base64url'))).toBe('key-too-long');
  });

  it('knows its own types', () => {
    expect(['string', 'json', 'base64url', 'base64', '', 'toString'].map(isKeyType)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
