/** The tape of JSON texts beside `JSON.parse`: the same values, each from its own text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTape, type Tape, type TapeId } from '../../../src/shard/machine/patch/tape.js';

const BOUNDS = { depth: 64, members: 20_000 };
const tapeOf = (...texts: readonly string[]): Tape => {
  const tape = readTape(
    texts.map((text) => Buffer.from(text)),
    () => BOUNDS,
  );
  if ('wrong' in tape) throw new Error(tape.wrong);
  return tape;
};

/** Objects as pairs, so that no name and no order is lost. */
type Plain = string | number | boolean | null | readonly Plain[] | { readonly members: readonly [string, Plain][] };

function valueAt(tape: Tape, id: TapeId): Plain {
  const kind = tape.kind(id);
  if (kind === 'string') return tape.string(id);
  if (kind === 'array') {
    const items: Plain[] = [];
    for (let item = id + 1; item < tape.after(id); item = tape.after(item)) items.push(valueAt(tape, item));
    return items;
  }
  if (kind === 'object') {
    const members: [string, Plain][] = [];
    for (let name = id + 1; name < tape.after(id); name = tape.after(name + 1)) {
      expect(tape.name(name)).toBe(tape.string(name));
      members.push([tape.name(name), valueAt(tape, name + 1)]);
    }
    return { members };
  }
  return JSON.parse(tape.slice(id).toString()) as Plain;
}

function plain(value: unknown): Plain {
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== 'object') return value as Plain;
  return { members: Object.entries(value).map(([name, each]) => [name, plain(each)]) };
}

describe('tape', () => {
  const layout = fc.constantFrom(undefined, 1, '\t');

  it('has the values of its texts', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.json(), layout), { minLength: 1, maxLength: 4 }), (texts) => {
        // JSON.parse drops repeated members.
        const values = texts.map(([text]) => JSON.parse(text) as unknown);
        const tape = tapeOf(...values.map((value, at) => ` ${JSON.stringify(value, undefined, texts[at]?.[1])}\n`));
        expect(tape.roots.map((root) => valueAt(tape, root))).toEqual(values.map(plain));
      }),
    );
  });

  it('parts texts that would be one number, or one word, if they were one text', () => {
    const tape = tapeOf('1', '2', '-3.5e1', 'true', '"a"', '[]');
    expect(tape.roots.map((root) => valueAt(tape, root))).toEqual([1, 2, -35, true, 'a', []]);
  });

  it('knows a name by its bytes, however many others there have been', () => {
    const short = Array.from({ length: 5_000 }, (_, at) => [`n${at}`, `${at}`.padStart(16, 'x'), `é${at}`]).flat();
    for (const round of [short, short.toReversed(), short]) {
      const tape = tapeOf(`{${round.map((name) => `${JSON.stringify(name)}:0`).join(',')}}`);
      expect(valueAt(tape, tape.roots[0] ?? 0)).toEqual({ members: round.map((name) => [name, 0]) });
    }
  });

  it('says which of its texts is wrong, and by which bounds', () => {
    const read = (...texts: readonly string[]) =>
      readTape(
        texts.map((text) => Buffer.from(text)),
        (index) => ({ ...BOUNDS, depth: 1 + index }),
      );
    expect(read('[]', '[[]]', '[[[]]]')).toHaveProperty('roots');
    expect(read('[]', '[[[]]]', '[')).toEqual({ index: 1, wrong: expect.stringContaining('deeper than 2') as string });
    for (const wrong of ['', '\ufeff[]', '"\\ud800"', '{"a":1,"a":2}'])
      expect(read('[]', wrong)).toMatchObject({ index: 1 });
    expect(read('1', '2', '3 4')).toEqual({ index: 2, wrong: 'unexpected text after the value (at byte 2)' });
  });
});
