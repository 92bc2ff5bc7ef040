/** The bank stays alive: every patch fits the present source, and what comes of it compiles. */
import { basename, join } from 'node:path';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { BANK } from '../../scripts/mutants/bank/index.js';
import { INSTRUMENTS } from '../../scripts/mutants/instruments.js';
import { INSTRUMENT_NAMES } from '../../scripts/mutants/mutant.js';
import { TypesChecker } from '../../scripts/mutants/types-check.js';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
/** Parts that Kvorum does not have: changes of membership. */
const NOT_APPLICABLE = [14, 16, 17];

describe('the bank', () => {
  let checker: TypesChecker;
  beforeAll(() => {
    checker = new TypesChecker(root);
  }, 60_000);

  it.each(BANK.map((mutant) => [mutant.id, mutant] as const))(
    '%s fits the source and compiles',
    (_, mutant) => {
      expect(checker.complaints(mutant)).toEqual([]);
    },
    60_000,
  );

  it('detects a mutant that does not compile', () => {
    const [first] = BANK;
    const broken = { ...first!, edits: first!.edits.map((edit) => ({ ...edit, replace: 'nowhere(' })) };
    expect(checker.complaints(broken)).not.toEqual([]);
    // The failure leaves no state behind.
    expect(checker.complaints(first!)).toEqual([]);
  });

  it('contains every applicable known bug, and at least six of our own', () => {
    const known = Array.from({ length: 24 }, (_, i) => i + 1).filter((n) => !NOT_APPLICABLE.includes(n));
    const ids = BANK.map(({ id }) => id);
    expect(ids.filter((id) => id.startsWith('M'))).toEqual(known.map((n) => `M${n}`));
    expect(ids.filter((id) => id.startsWith('K')).length).toBeGreaterThanOrEqual(6);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('names an instrument for each, and every file of it is in the list', () => {
    for (const { id, caughtBy } of BANK) expect([id, caughtBy.length > 0]).toEqual([id, true]);
    const files = readdirSync(join(root, 'scripts/mutants/bank')).map((file) => basename(file, '.ts'));
    expect(files.filter((file) => file !== 'index')).toHaveLength(BANK.length);
  });

  it('has an instrument for every name', () => {
    expect(INSTRUMENTS.map(({ name }) => name).sort()).toEqual([...INSTRUMENT_NAMES].sort());
  });
});
