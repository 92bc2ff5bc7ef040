import { encodeTransactionReply } from '../transaction-codec.js';
import type { BranchVote, Vote } from '../transaction.js';

/** What a result takes beside the value in it, its content type and its place, at most: all are numbers of fixed width. */
const RESULT_BYTES = 128;

/** Whether an encoded vote would be longer. Most are certainly not, and are not encoded to know it. */
export function isLongerThan(vote: Vote, bytes: number): boolean {
  if (vote.type === 'yes' && mostBytesOf(vote.then) + mostBytesOf(vote.otherwise) + RESULT_BYTES <= bytes) return false;
  return encodeTransactionReply({ type: 'vote', vote, participants: [] }).length > bytes;
}

/** Infinite where texts and details of failures would have to be counted. */
function mostBytesOf(branch: BranchVote | undefined): number {
  if (branch === undefined) return 0;
  if (branch.type === 'failed') return Infinity;
  let bytes = 0;
  for (const [, result] of branch.results) {
    if (result.type === 'failed' || result.type === 'delete-range') return Infinity;
    bytes += RESULT_BYTES;
    if (result.record !== undefined) bytes += result.record.contentType.length + result.record.body.length;
  }
  return bytes;
}
