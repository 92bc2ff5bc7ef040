/**
 * Standing for election: first asking whether it could be won (pre-vote, thesis §9.6), then in earnest (§5.2).
 *
 * - A pre-candidate changes nothing that is durable, so a node that cannot win disturbs nobody (s18).
 * - A candidate's term and vote are durable before it asks for votes, and before its own counts.
 */
import type { Core } from './core.js';
import { becomeLeader } from './leader.js';
import type { Message, Vote } from './messages.js';
import { TERM_ONLY } from './outbox.js';
import { isVoter, voteResult, votersOf } from './quorum.js';
import type { Candidate } from './roles.js';
import { EntryKind, NONE } from './types.js';

export function startPreCandidacy(core: Core): void {
  // Its own vote would be one for somebody else than the leader it may have promised it to (s50).
  if (!mayStand(core) || core.promiseTicks > 0) return;
  // Nothing durable is at stake, so its own pre-vote counts at once.
  const candidate = stand(core, 'pre-candidate');
  candidate.votes.set(core.id, true);
  for (const request of voteRequests(core, { preVote: true, forced: false })) core.outbox.send(request);
  count(core, candidate);
}

/** `forced`: at the leader's own wish (transfer), so voters need not mind that they hear it. */
export function startCandidacy(core: Core, { forced }: { readonly forced: boolean }): void {
  if (!mayStand(core)) return;
  // By way of follower, as every change of term.
  core.becomeFollower(core.term + 1, NONE);
  core.vote = core.id;
  stand(core, 'candidate');
  for (const request of voteRequests(core, { preVote: false, forced })) core.outbox.hold(request, TERM_ONLY);
}

/**
 * Only voters stand (s15), and not in quarantine (s60); and who votes is not known while a committed change of it waits to
 * be applied (s17). A replica whose disk hangs could not vote for itself, nor apply what it would commit.
 */
function mayStand({ configuration, id, log, diskHangs, quarantine }: Core): boolean {
  if (quarantine !== undefined || diskHangs) return false;
  return isVoter(configuration, id) && !log.hasUnapplied(EntryKind.configuration);
}

function stand(core: Core, type: Candidate['type']): Candidate {
  const candidate: Candidate = { type, votes: new Map(), electionElapsed: 0, electionTimeout: core.drawTimeout() };
  core.role = candidate;
  return candidate;
}

function voteRequests(core: Core, kind: Pick<Vote, 'preVote' | 'forced'>): Vote[] {
  const { lastIndex, lastTerm } = core.log;
  const term = kind.preVote ? core.term + 1 : core.term;
  return votersOf(core.configuration)
    .filter((id) => id !== core.id)
    .map((to) => ({ type: 'vote', from: core.id, to, term, ...kind, lastIndex, lastTerm }));
}

/** Term and vote are on disk: its own vote counts. */
export function voteIsDurable(core: Core, candidate: Candidate): void {
  if (candidate.type !== 'candidate' || candidate.votes.has(core.id)) return;
  candidate.votes.set(core.id, true);
  count(core, candidate);
}

/** No result in time, or a split vote: once more, in the end in a new term (s5, s13). */
export function tickCandidate(core: Core, candidate: Candidate): void {
  candidate.electionElapsed++;
  if (candidate.electionElapsed >= candidate.electionTimeout) startPreCandidacy(core);
}

export function stepCandidate(core: Core, candidate: Candidate, message: Message): void {
  switch (message.type) {
    case 'vote-answer': {
      if (message.preVote !== (candidate.type === 'pre-candidate')) return;
      // A pre-vote is granted for the term to come; an answer for any other is one to an earlier question (s12).
      if (message.term !== (message.preVote && message.granted ? core.term + 1 : core.term)) return;
      if (!candidate.votes.has(message.from)) candidate.votes.set(message.from, message.granted);
      count(core, candidate);
      break;
    }
    case 'timeout-now':
      // The leader is there, and wants this replica to take over; a candidate's term has no leader to say so.
      if (candidate.type === 'pre-candidate') startCandidacy(core, { forced: true });
      break;
    case 'append':
    case 'append-ok':
    case 'append-refused':
    case 'heartbeat':
    case 'heartbeat-ok':
    case 'snapshot':
    case 'snapshot-answer':
    case 'vote':
    case 'term-notice':
      break;
  }
}

function count(core: Core, candidate: Candidate): void {
  switch (voteResult(core.configuration, candidate.votes)) {
    case 'won':
      if (candidate.type === 'pre-candidate') startCandidacy(core, { forced: false });
      else becomeLeader(core);
      break;
    case 'lost':
      core.becomeFollower(core.term, NONE);
      break;
    case 'pending':
      break;
  }
}
