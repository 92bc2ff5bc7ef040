/** `Accept`: which type of answer a client prefers. */
import { describe, expect, it } from 'vitest';
import { preferredType } from '../../src/router/http/index.js';

const JSON_TYPE = 'application/json';
const LINES = 'application/x-ndjson';

describe('of an answer that is JSON by default, or lines', () => {
  it.each([
    [undefined, JSON_TYPE],
    ['', JSON_TYPE],
    ['*/*', JSON_TYPE],
    ['application/*', JSON_TYPE],
    ['text/html', JSON_TYPE],
    [LINES, LINES],
    ['Application/X-NDJSON', LINES],
    [`${LINES};q=0.1`, LINES],
    [`${LINES};q=0`, JSON_TYPE],
    [`${LINES};q=0.000, */*`, JSON_TYPE],
    [`${LINES}; Q=0`, JSON_TYPE],
    [`${LINES}, ${JSON_TYPE}`, LINES],
    [`${JSON_TYPE}, ${LINES}`, JSON_TYPE],
    [`${JSON_TYPE};q=0.4, ${LINES};q=0.5`, LINES],
    [`${LINES};q=0.5, ${JSON_TYPE}`, JSON_TYPE],
    [`${LINES};q=0.5, */*`, JSON_TYPE],
    [`*/*, ${LINES}`, LINES],
    [`application/*;q=0.2, ${LINES};q=0.3`, LINES],
    [`*/*, application/*;q=0.2, ${LINES};q=0.1`, JSON_TYPE],
    [`${JSON_TYPE};q=0, */*`, LINES],
    [`${JSON_TYPE};q=0, ${LINES};q=0`, JSON_TYPE],
    [`${LINES};q=0, ${JSON_TYPE};q=0`, JSON_TYPE],
    ['*/*;q=0', JSON_TYPE],
    [`${LINES};q=0, */*;q=0`, JSON_TYPE],
    [`${LINES}, */*;q=0`, LINES],
    [`${LINES};a="b,c;q=0";q=1`, LINES],
    [`${LINES};q=2`, LINES],
    [',,;', JSON_TYPE],
  ])('%j prefers %s', (accept, type) => {
    expect(preferredType(accept, JSON_TYPE, [LINES])).toBe(type);
  });

  it('answers as it was asked where the client has no wish', () => {
    for (const accept of [undefined, '*/*', 'application/*', 'text/plain', `${LINES};q=0, ${JSON_TYPE};q=0`]) {
      expect(preferredType(accept, LINES, [JSON_TYPE, LINES])).toBe(LINES);
    }
    expect(preferredType(`${LINES};q=0`, LINES, [JSON_TYPE, LINES])).toBe(JSON_TYPE);
  });
});
