/**
 * Gets keys of several shards as of one moment, without locks: reads all shards, until two rounds in a row saw the same.
 * Then nothing that was read changed between the end of the first round and the begin of the second, so all of it was
 * so at once. A read waits for transactions that write its keys, so none is seen in one shard and not yet in another.
 */
import {
  decodeOutcome,
  encodeOutcome,
  encodeProgram,
  type KvOperation,
  type ProgramOutcome,
  type Refusal,
  type StepResult,
  type TransactionPart,
} from '../../shard/index.js';
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
  let before: Round | undefined;
  for (let rounds = 1; rounds <= MAX_ROUNDS; rounds += 1) {
    const round = await readAll(parts, (key, body) => ask({ type: 'read', key, body, consistency }));
    if (round.refusal !== undefined) return { ...round.origin, answer: round.refusal, revisions: new Map() };
    if (before?.seen === round.seen || consistency === 'stale') return replyOf(round, parts);
    before = round;
  }
  return undefined;
}

async function readAll(
  parts: ReadonlyMap<number, TransactionPart>,
  ask: (key: Uint8Array, program: Uint8Array) => Promise<DispatchReply>,
): Promise<Round> {
  const replies = await Promise.all(
    [...parts.values()].map(({ program }) => ask(program.then[0]?.key ?? NO_KEY, encodeProgram(program))),
  );
  const outcomes = new Map<number, { revision: number; outcome: ProgramOutcome }>();
  let refusal: Refusal | undefined;
  let origin: Round['origin'] = { term: 0, servedBy: 0, shard: -1 };
  const seen: string[] = [];
  for (const { answer, term, servedBy, shard } of replies) {
    origin = { term, servedBy, shard };
    const outcome = outcomeIn(answer);
    if ('code' in outcome) {
      refusal ??= outcome;
      continue;
    }
    outcomes.set(shard, { revision: 'revision' in answer ? answer.revision : 0, outcome });
    seen.push(`${shard}: ${outcome.results.map((result) => revisionIn(result, outcome)).join(' ')}`);
  }
  return { refusal, origin, outcomes, seen: seen.join('; ') };
}
const NO_KEY = new Uint8Array(0);

function outcomeIn(answer: DispatchReply['answer']): ProgramOutcome | Refusal {
  if (answer.type === 'refused') return answer;
  if (answer.type !== 'program') throw new Error('the answer does not fit the operation');
  return decodeOutcome(answer.outcome);
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
