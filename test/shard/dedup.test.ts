/** The three dedup tables together: in which of them an id is kept, and who finds it there. */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadHash } from '../../src/shard/keys/index.js';
import { Dedup, type DedupState } from '../../src/shard/machine/dedup.js';
import { AnswerKind } from '../../src/shard/machine/dedup-table.js';
import { derivedId, newOperationId } from '../../src/router/dispatch/operation-ids.js';
import type { Attempt } from '../../src/shard/operation.js';
import { isRouters, markAsRouters } from '../../src/shard/router-id.js';
import { v4Id, v7Id } from '../support/commands.js';
import { MapStateStore } from '../support/map-state-store.js';

beforeAll(loadHash);

const NOW = 1_000_000;
const EMPTY_TABLE = { head: 0, tail: 0, evictionWatermarkMs: 0, hashHigh: 0, hashLow: 0 };
const EMPTY: DedupState = { unkeyed: EMPTY_TABLE, timed: EMPTY_TABLE, untimed: EMPTY_TABLE, answerBytes: 0 };
const ENTRY = { kind: AnswerKind.created, revision: 7, detail: 1, fingerprintHigh: 1, fingerprintLow: 2 };

function dedupOf({ maxEntries = 100, maxKeyedEntries = 100 } = {}): Dedup {
  const dedup = new Dedup(new MapStateStore(), { maxEntries, maxKeyedEntries, windowMs: 60_000 });
  dedup.load(EMPTY);
  return dedup;
}

describe.each([
  ['version 7', v7Id(NOW - 10, 1)],
  ['version 7, of a time to come', v7Id(NOW + 50_000, 1)],
  ['version 4', v4Id(1)],
])('an id of %s', (_, id) => {
  it.each<[Attempt, Attempt[]]>([
    // Of former builds, routers say `client-keyed` and `retry` whoever made the id.
    ['keyed', ['keyed', 'keyed-retry', 'retry', 'client-keyed']],
    ['keyed-retry', ['keyed', 'keyed-retry', 'retry', 'client-keyed']],
    ['initial', ['initial', 'retry', 'client-keyed', 'keyed', 'keyed-retry']],
    ['client-keyed', ['client-keyed', 'retry', 'keyed', 'keyed-retry']],
    ['retry', ['retry', 'client-keyed', 'keyed', 'keyed-retry']],
  ])('that was inserted by an attempt of kind %s is found by %j', (first, later) => {
    const dedup = dedupOf();
    dedup.insert(id, 0, first, NOW, ENTRY);
    for (const attempt of later) {
      expect([attempt, dedup.find(id, 0, attempt)]).toEqual([attempt, { ...ENTRY, answer: undefined }]);
    }
    expect(dedup.size).toBe(1);
  });

  it('keeps the answer of a program, whoever asks for it', () => {
    const dedup = dedupOf();
    const answer = Buffer.from('the answer');
    const entry = { revision: 7, fingerprintHigh: 1, fingerprintLow: 2 };
    dedup.insertProgram(id, 0, { attempt: 'keyed', clockMs: NOW, entry }, answer, () => answer);
    for (const attempt of ['keyed', 'keyed-retry', 'retry', 'client-keyed'] as const) {
      expect(dedup.find(id, 0, attempt)?.answer).toEqual(answer);
    }
  });
});

describe('ids of one kind', () => {
  const attempts: Record<'unkeyed' | 'keyed', Attempt> = { unkeyed: 'initial', keyed: 'keyed' };

  it.each(['unkeyed', 'keyed'] as const)('that are %s do not push out those of the others', (flood) => {
    const dedup = dedupOf({ maxEntries: 4, maxKeyedEntries: 4 });
    const kept: [Uint8Array, Attempt][] =
      flood === 'keyed'
        ? [[v4Id(1), 'initial']]
        : [
            [v4Id(1), 'keyed'],
            [v7Id(NOW, 1), 'keyed'],
          ];
    for (const [id, attempt] of kept) dedup.insert(id, 0, attempt, NOW, ENTRY);
    for (let n = 0; n < 50; n += 1) dedup.insert(v7Id(NOW, 100 + n), 0, attempts[flood], NOW, ENTRY);
    for (const [id] of kept) expect(dedup.find(id, 0, 'retry')).toBeDefined();
    expect(dedup.find(v7Id(NOW, 100), 0, 'retry')).toBeUndefined();
  });

  it('that clients choose and that were pushed out are never taken for new', () => {
    const dedup = dedupOf({ maxKeyedEntries: 2 });
    for (let n = 0; n < 3; n += 1) dedup.insert(v7Id(NOW + n, n), 0, 'keyed', NOW + n, ENTRY);
    expect(dedup.judgeKeyed(v7Id(NOW, 0), 0, NOW + 3)).toBe('evicted');
    expect(dedup.judgeKeyed(v7Id(NOW + 1, 9), 0, NOW + 3)).toBe('new');
    expect(dedup.mayHaveEvicted(NOW)).toBe(true);
  });

  it('that do not say when they were made are not pushed out: there is no room for another one', () => {
    const dedup = dedupOf({ maxKeyedEntries: 2 });
    for (let n = 0; n < 2; n += 1) dedup.insert(v4Id(n), 0, 'keyed', NOW, ENTRY);
    expect(dedup.judgeKeyed(v4Id(9), 0, NOW)).toBe('no-room');
    expect(dedup.refusalOfKeyed(v4Id(9), 0, NOW)).toMatchObject({ code: 'overloaded', outcome: 'not_applied' });
    expect(dedup.judgeKeyed(v7Id(NOW, 9), 0, NOW)).toBe('new');
    expect(dedup.judgeKeyed(v4Id(9), 0, NOW + 60_000)).toBe('new');
  });
});

describe('an id that a router made, and a client repeats as its key', () => {
  const flooded = (): Dedup => {
    const dedup = dedupOf({ maxEntries: 4 });
    for (let number = 1; number <= 6; number += 1) dedup.insert(v7Id(NOW + number, number), 0, 'initial', NOW, ENTRY);
    return dedup;
  };

  it('is new only if no write without a key can have pushed it out', () => {
    const [early, late] = [markAsRouters(v7Id(NOW + 1, 9)), markAsRouters(v7Id(NOW + 3, 9))];
    expect(flooded().judgeKeyed(early, 0, NOW + 9)).toBe('evicted');
    expect(flooded().judgeKeyed(late, 0, NOW + 9)).toBe('new');
    expect(dedupOf().judgeKeyed(early, 0, NOW + 9)).toBe('new');
  });

  it('is told from a key of the client, which such writes do not push out', () => {
    expect(flooded().judgeKeyed(v7Id(NOW + 1, 9), 0, NOW + 9)).toBe('new');
  });

  it('bears the mark, so do the ids that are derived from it, and no other ones', () => {
    const made = newOperationId();
    const derived = derivedId(made, Uint8Array.of(1));
    expect([isRouters(made, 0), isRouters(derived, 0), isRouters(v7Id(NOW, 1), 0), isRouters(v4Id(1), 0)]).toEqual([
      ...[true, true, false, false],
    ]);
    expect(isRouters(derivedId(v7Id(NOW, 1), Uint8Array.of(1)), 0)).toBe(false);
    expect(Buffer.compare(made, derived)).not.toBe(0);
  });
});
