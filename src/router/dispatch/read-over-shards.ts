/**
 * Gets keys of several shards as of one moment, without locks: reads all shards, until two rounds in a row saw the same.
 * Then nothing that was read changed between the end of the first round and the begin of the second, so all of it was
 * so at once. A read waits for transactions that write its keys, so none is seen in one shard and not yet in another.
 */
import {
  decodeOutcome,
  encodeOutcome,
  encodeProgram,
  refuse,
  type KvOperation,
  type ProgramOutcome,
  type Refusal,
  type StepResult,
  type TransactionPart,
} from '../../shard/index.js';
import { AnswerBudget, askWithinBytes, mostAnswered } from './answer-budget.js';
import type { DispatchReply } from './call.js';
import type { RunOptions, TransactionReply, TransactionRequest } from './transactions.js';

/** After so many rounds, other writes come in between too often: shared locks are taken instead. */
const MAX_ROUNDS = 4;

interface Round {
  readonly refusal: Refusal | undefined;
  readonly origin: Pick<DispatchReply, 'term' | 'servedBy' | 'shard'>;
  /** By shard: its applied index, and what was read. */
  readonly outcomes: ReadonlyMap<number, { readonly revision: number; readonly outcome: ProgramOutcome }>;
  /** Equal for two rounds that saw the same. */
  readonly seen: string;
}

/** @returns undefined: other writes came in between each time */
export async function readOverShards(
  parts: ReadonlyMap<number, TransactionPart>,
  { consistency }: Pick<TransactionRequest, 'consistency'>,
  { execute, coordinator, deadlineMs, forward }: RunOptions,
): Promise<TransactionReply | undefined> {
  const deadline = coordinator.now() + deadlineMs;
  const ask = (operation: KvOperation): Promise<DispatchReply> =>
    execute(operation, { deadlineMs: Math.max(0, deadline - coordinator.now()), forward });
  let seenBefore: string | undefined;
  for (let rounds = 1; rounds <= MAX_ROUNDS; rounds += 1) {
    const round = await readAll(parts, (key, body) => ask({ type: 'read', key, body, consistency }));
    if (round.refusal !== undefined) return { ...round.origin, answer: round.refusal, revisions: new Map() };
    if (seenBefore === round.seen || consistency === 'stale') return replyOf(round, parts);
    seenBefore = round.seen;
  }
  return undefined;
}

async function readAll(
  parts: ReadonlyMap<number, TransactionPart>,
  ask: (key: Uint8Array, program: Uint8Array) => Promise<DispatchReply>,
): Promise<Round> {
  const budget = new AnswerBudget();
  // Without comparisons `then` runs: a shard with steps of the other list alone has nothing to say.
  const askings = [...parts.values()].flatMap(({ program }) => {
    const [first] = program.then;
    if (first === undefined) return [];
    return {
      most: mostAnswered(program.then, program.valueLimit),
      ask: () => ask(first.key, encodeProgram(program)),
    };
  });
  const fails = [...parts.values()].some(({ program }) => program.onError === 'fail');
  const outcomes = new Map<number, { revision: number; outcome: ProgramOutcome }>();
  let refusal: Refusal | undefined;
  let origin: Round['origin'] = { term: 0, servedBy: 0, shard: -1 };
  const seen: string[] = [];
  await askWithinBytes(askings, ({ answer, term, servedBy, shard }) => {
    origin = { term, servedBy, shard };
    const outcome = refusal ?? fittingIn(outcomeIn(answer), budget, fails);
    if ('code' in outcome) {
      refusal = outcome;
      outcomes.clear();
      return;
    }
    outcomes.set(shard, { revision: 'revision' in answer ? answer.revision : 0, outcome });
    seen.push(`${shard}: ${outcome.results.map((result) => revisionIn(result, outcome)).join(' ')}`);
  });
  return { refusal, origin, outcomes, seen: seen.join('; ') };
}

function outcomeIn(answer: DispatchReply['answer']): ProgramOutcome | Refusal {
  if (answer.type === 'refused') return answer;
  if (answer.type !== 'program') throw new Error('the answer does not fit the operation');
  return decodeOutcome(answer.outcome);
}

/** @param fails a value that has no room in the answer fails the whole */
function fittingIn(outcome: ProgramOutcome | Refusal, budget: AnswerBudget, fails: boolean): ProgramOutcome | Refusal {
  if ('code' in outcome) return outcome;
  const fitted = budget.fitAll(outcome.results);
  const failed = fitted.find((each) => each.type === 'failed');
  if (!fails || failed?.type !== 'failed') return { ...outcome, results: fitted };
  return refuse(failed.code, failed.message, failed.details, 'not_applied');
}

/** Of a key that is absent: the shard's last deletion, for it may have been created and deleted in between. */
function revisionIn(result: StepResult, { lastDeletion }: ProgramOutcome): string {
  const record = result.type === 'get' ? result.record : undefined;
  return record === undefined ? `absent at ${lastDeletion}` : String(record.revision);
}

function replyOf({ outcomes, origin }: Round, parts: ReadonlyMap<number, TransactionPart>): TransactionReply {
  const placed: (readonly [number, StepResult])[] = [];
  for (const [shard, { thenAt }] of parts) {
    for (const [i, result] of outcomes.get(shard)?.outcome.results.entries() ?? [])
      placed.push([thenAt[i] ?? 0, result]);
  }
  const results = placed.sort(([a], [b]) => a - b).map(([, result]) => result);
  const outcome = encodeOutcome({ succeeded: true, results, lastDeletion: 0, omitted: false });
  const revisions = new Map([...outcomes].map(([shard, { revision }]) => [shard, revision]));
  const revision = Math.max(0, ...revisions.values());
  return { ...origin, answer: { type: 'program', revision, outcome, replayed: false }, revisions };
}
