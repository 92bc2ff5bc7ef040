/** What one of the two lists of a part comes to when it is prepared. */
import type { Step } from '../program.js';
import type { BranchVote } from '../transaction.js';
import { asRefusal, type Evaluation } from './evaluation.js';

/** @param places of the steps in the list of the whole transaction */
export function branchVote(
  evaluation: Evaluation,
  steps: readonly Step[],
  places: readonly number[],
  onError: 'fail' | 'continue',
): BranchVote {
  const results = [];
  for (const [i, step] of steps.entries()) {
    const at = places[i] ?? 0;
    const result = evaluation.step(step);
    if (result.type === 'failed' && onError === 'fail') return { type: 'failed', refusal: asRefusal(result, at) };
    results.push([at, result] as const);
  }
  return { type: 'results', results };
}

/**
 * Whether committing the evaluation of a vote does the same as to evaluate the list at its decision, as after a restart.
 * It does not where it stopped at a step, nor where a condition may be on a revision that only the decision gives.
 */
export const mayKeep = (vote: BranchVote, steps: readonly Step[]): boolean =>
  vote.type === 'results' && !steps.some(({ condition }) => condition.type === 'revision');
