/**
 * Campaigning: first a pre-vote, to learn whether an election could be won (thesis §9.6), then the election (§5.2).
 *
 * - A pre-vote changes no durable state, so a node that cannot win disturbs nobody (s18).
 * - A candidate's term and vote are durable before it requests votes, and before its own vote counts.
 */
import type { Core } from './core.js';
import { becomeLeader } from './leader.js';
import type { Message, Vote } from './messages.js';
import { TERM_ONLY } from './outbox.js';
import { isVoter, voteResult, votersOf } from './quorum.js';
import type { Candidate } from './roles.js';
import { EntryKind, NONE } from './types.js';

export function startPreVote(core: Core): void {
  // It may have promised a leader not to vote for anybody else, itself included (s50).
  if (!mayCampaign(core) || core.promiseTicks > 0) return;
  // No durable state is involved, so its own pre-vote counts at once.
  const candidate = becomeCandidate(core, 'pre-candidate');
  candidate.votes.set(core.id, true);
  for (const request of voteRequests(core, { preVote: true, forced: false })) core.outbox.send(request);
  count(core, candidate);
}

/** `forced`: arranged by the leader (transfer), so voters grant it even though that leader is alive. */
export function startElection(core: Core, { forced }: { readonly forced: boolean }): void {
  if (!mayCampaign(core)) return;
  // Every change of term goes through follower.
  core.becomeFollower(core.term + 1, NONE);
  core.vote = core.id;
  becomeCandidate(core, 'candidate');
  for (const request of voteRequests(core, { preVote: false, forced })) core.outbox.hold(request, TERM_ONLY);
}

/**
 * Only voters campaign (s15), not in quarantine (s60), and not while a committed configuration change is unapplied: the
 * voters are not known then (s17). A replica whose disk hangs could neither vote for itself nor apply what it commits.
 */
function mayCampaign({ configuration, id, log, diskHangs, quarantine }: Core): boolean {
  if (quarantine !== undefined || diskHangs) return false;
  return isVoter(configuration, id) && !log.hasUnapplied(EntryKind.configuration);
}

function becomeCandidate(core: Core, type: Candidate['type']): Candidate {
  const candidate: Candidate = {
    type,
    votes: new Map(),
    electionElapsed: 0,
    electionTimeout: core.randomElectionTimeout(),
  };
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

/** Term and vote are durable: its own vote counts. */
export function voteIsDurable(core: Core, candidate: Candidate): void {
  if (candidate.type !== 'candidate' || candidate.votes.has(core.id)) return;
  candidate.votes.set(core.id, true);
  count(core, candidate);
}

/** No result in time, or a split vote: try again, in a new term once the pre-vote is won (s5, s13). */
export function tickCandidate(core: Core, candidate: Candidate): void {
  candidate.electionElapsed++;
  if (candidate.electionElapsed >= candidate.electionTimeout) startPreVote(core);
}

export function stepCandidate(core: Core, candidate: Candidate, message: Message): void {
  switch (message.type) {
    case 'vote-answer': {
      if (message.preVote !== (candidate.type === 'pre-candidate')) return;
      // A pre-vote is granted for the next term; an answer for any other is to an earlier request (s12).
      if (message.term !== (message.preVote && message.granted ? core.term + 1 : core.term)) return;
      if (!candidate.votes.has(message.from)) candidate.votes.set(message.from, message.granted);
      count(core, candidate);
      break;
    }
    case 'timeout-now':
      // The leader is alive and hands over to this replica. A candidate's term has no leader, so none can send this.
      if (candidate.type === 'pre-candidate') startElection(core, { forced: true });
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
      if (candidate.type === 'pre-candidate') startElection(core, { forced: false });
      else becomeLeader(core);
      break;
    case 'lost':
      core.becomeFollower(core.term, NONE);
      break;
    case 'pending':
      break;
  }
}
