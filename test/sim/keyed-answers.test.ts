/** Answers under ids of clients: those that say the same, and those that do not. */
import { describe, expect, it } from 'vitest';
import { encodeOutcome, refuse, type Answer, type ProgramOutcome, type Refusal } from '../../src/shard/index.js';
import { KeyedAnswers } from '../../src/sim/keyed-answers.js';

const answer = (outcome: ProgramOutcome | Refusal): Answer => ({
  type: 'program',
  revision: 7,
  outcome: encodeOutcome(outcome),
  replayed: false,
});
const NO: ProgramOutcome = { succeeded: false, results: [], lastDeletion: 0, omitted: false };
const DONE: ProgramOutcome = { ...NO, succeeded: true, results: [{ type: 'get', record: undefined }] };
const FAILED = refuse('precondition-failed');

const disagreementOf = (...answers: readonly (Answer | undefined)[]): string | undefined => {
  const seen = new KeyedAnswers();
  for (const [i, each] of answers.entries()) seen.add(Buffer.alloc(16, 1), each, `n${i + 1}`);
  return seen.disagreement;
};

describe('answers under one id', () => {
  it.each([
    ['twice the same', [answer(DONE), answer(DONE)]],
    ['one without its results', [answer(DONE), answer({ ...DONE, results: [], omitted: true })]],
    ['a failure, and its replay', [FAILED, answer(FAILED)]],
    ['those that settle nothing', [refuse('timeout'), undefined, answer(NO), refuse('no-leader'), refuse('conflict')]],
    ['after a deletion in the shard', [answer(NO), answer({ ...NO, lastDeletion: 9 })]],
  ])('agree: %s', (_, answers) => {
    expect(disagreementOf(...answers)).toBeUndefined();
  });

  it.each([
    ['not done, then done', [answer(NO), answer(DONE)]],
    ['done, then not done', [answer(DONE), refuse('timeout'), answer(NO)]],
    ['a failure, then done', [FAILED, answer(DONE)]],
    ['failures of two kinds', [FAILED, refuse('wrong-type')]],
    [
      'other results, also where they were left out first',
      [answer({ ...DONE, results: [], omitted: true }), answer(DONE), answer({ ...DONE, results: [] })],
    ],
  ])('differ: %s', (_, answers) => {
    expect(disagreementOf(...answers)).toMatch(/^under the client's id (01){16}: .* through n\d; then .* through n\d$/);
  });

  it('of two ids may differ', () => {
    const seen = new KeyedAnswers();
    seen.add(Buffer.alloc(16, 1), answer(NO), 'n1');
    seen.add(Buffer.alloc(16, 2), answer(DONE), 'n1');
    expect(seen.disagreement).toBeUndefined();
  });
});
