import { describe, expect, it } from 'vitest';
import { PatchError, plant } from '../../scripts/mutants/plant.js';

const files: Readonly<Record<string, string>> = { 'a.ts': 'one two two', 'b.ts': 'three' };
const read = (file: string): string => {
  const text = files[file];
  if (text === undefined) throw new Error(`no ${file}`);
  return text;
};
const edit = (file: string, find: string, replace: string) => ({ file, find, replace });
const planting = (...edits: readonly ReturnType<typeof edit>[]) => plant({ id: 'X1', edits }, read);

describe('planting', () => {
  it('replaces text that occurs once, and names only the files that change', () => {
    expect([...planting(edit('a.ts', 'one', '1'))]).toEqual([['a.ts', '1 two two']]);
  });

  it('applies several edits of a file in sequence, and takes the replacement literally', () => {
    const changed = planting(edit('a.ts', 'one', '$& uno'), edit('a.ts', 'uno two', 'dos'), edit('b.ts', 'three', ''));
    expect([...changed]).toEqual([
      ['a.ts', '$& dos two'],
      ['b.ts', ''],
    ]);
  });

  it('applies the harmless part first', () => {
    const harmless = [edit('b.ts', 'three', 'four')];
    expect(plant({ id: 'X1', harmless, edits: [edit('b.ts', 'four', 'five')] }, read).get('b.ts')).toBe('five');
  });

  it.each([
    ['is not there', edit('a.ts', 'zero', '0'), /X1: in a\.ts this occurs 0 times.*\| zero/s],
    ['is there twice', edit('a.ts', 'two', '2'), /occurs 2 times/],
    ['is empty', edit('a.ts', '', 'x'), /occurs 0 times/],
    ['changes nothing', edit('a.ts', 'one', 'one'), /changes nothing/],
    ['is of a file that is gone', edit('c.ts', 'one', '1'), /c\.ts cannot be read/],
  ])('refuses an edit whose text %s', (_, wrong, message) => {
    expect(() => planting(wrong)).toThrow(PatchError);
    expect(() => planting(wrong)).toThrow(message);
  });

  it('refuses a mutant without edits', () => {
    expect(() => planting()).toThrow(/changes nothing/);
  });
});
