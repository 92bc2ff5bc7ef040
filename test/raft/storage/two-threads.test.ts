/**
 * The lane between the two threads of a node, with two threads: what the one puts there the other takes, whole and in order,
 * also where the counts of both run over.
 */
import { describe, expect, it } from 'vitest';
import { hammer } from './support/lane-load.js';

/** More by `KVORUM_HAMMER`, for a machine that has the time. */
const COMMITS = Number(process.env['KVORUM_HAMMER'] ?? 2_000);

describe('the lane to the storage thread', () => {
  it.each([
    ['at the beginning', 0],
    ['where the sign of the counts changes', 2 ** 31 - 300],
    ['where the counts begin anew', 2 ** 32 - 300],
  ])('carries every commit as it is: %s', { timeout: 600_000 }, async (_, start) => {
    expect(await hammer(COMMITS, start)).toEqual({ taken: COMMITS, wrong: [], wrongs: 0 });
  });
});
