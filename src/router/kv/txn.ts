/**
 * `POST /v1/txn`: comparisons, and operations that run if all of them hold, or others that run if not; all or nothing.
 */
import {
  decodeOutcome,
  MAX_NAMESPACE_TRANSACTION_ITEMS,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_ITEMS,
  KvorumError,
  type Answer,
  type Program,
  type ProgramOutcome,
} from '../../shard/index.js';
import { AnswerBudget, missingNamespace, runTransaction, withPlace, type TransactionReply } from '../dispatch/index.js';
import { invalid, parseQuery, splitTarget } from '../http/index.js';
import type { JsonPieces } from './envelope.js';
import type { Exchange, Exchanges } from './exchange.js';
import { answerLimitOf, answerMany, executeBy, JSON_TYPE, readHead, shardsBy, withinOf, type Posted } from './many.js';
import { comparisonOf, stepOf, type NamedStep } from './operation-steps.js';
import { TAKEN } from './parameters.js';
import { transactionOf } from './plain-puts.js';
import { readJson } from './read-json.js';
import { resultOf } from './results.js';
import { RAW_MEMBERS } from './schemas.js';

interface Transaction {
  readonly program: Program;
  readonly then: readonly NamedStep[];
  readonly otherwise: readonly NamedStep[];
}

export function serveTransaction(exchanges: Exchanges, exchange: Exchange): void {
  parseQuery(splitTarget(exchange.target).query, TAKEN.none);
  const within = withinOf(exchange);
  const posted = readHead(exchanges, exchange, [JSON_TYPE]);
  exchanges.readBody(exchange, MAX_TRANSACTION_BYTES, (body) => {
    const transaction = transactionIn(body, exchanges, within);
    const shardOf = shardsBy(exchanges);
    exchanges.until(exchange, run(exchanges, posted, transaction, shardOf), (reply) => {
      exchanges.answer(exchange, posted.settings, reply, (context) => {
        const { answer } = reply;
        const ended = answer.type === 'program' ? decodeOutcome(answer.outcome) : answer;
        const outcome = ('succeeded' in ended ? missingNamespace(ended.results) : undefined) ?? ended;
        if ('succeeded' in outcome) {
          const pieces = documentOf(outcome, reply.revisions, transaction, {
            shardOf,
            limit: answerLimitOf(exchanges),
          });
          answerMany(context, pieces, { type: JSON_TYPE, replayed: isReplayed(answer) });
          return 'ok';
        }
        if (!('code' in outcome)) throw new Error('the answer does not fit the operation');
        const details = withPlace(outcome.details, transaction.program);
        const refused = { ...reply, answer: { ...outcome, details, replayed: isReplayed(answer) } };
        const operationId = retryId(posted, transaction.program, shardOf);
        return exchanges.writeRefusal(
          { exchange, forwarding: posted.settings.forwarding, operationId },
          context,
          refused,
        );
      });
    });
  });
}

const isReplayed = (answer: Answer): boolean => 'replayed' in answer && answer.replayed === true;

type ShardOf = (key: Uint8Array) => number;

function run(
  exchanges: Exchanges,
  { identity, settings }: Posted,
  { program }: Transaction,
  shardOfKey: ShardOf,
): Promise<TransactionReply> {
  const { dispatcher } = exchanges.options;
  return runTransaction(
    { ...identity, program, consistency: settings.consistency },
    {
      deadlineMs: settings.deadlineMs,
      forward: settings.forwarding.allowed,
      execute: executeBy(dispatcher),
      shardOfKey,
      coordinator: dispatcher.coordinator,
    },
  );
}

/** The id under which a retry settles an unknown outcome: over several shards only one that the client chose. */
function retryId({ identity }: Posted, program: Program, shardOf: ShardOf): Uint8Array | undefined {
  const { comparisons, then, otherwise } = program;
  const shards = new Set([...comparisons, ...then, ...otherwise].map(({ key }) => shardOf(key)));
  return shards.size === 1 || identity.attempt === 'keyed' ? identity.operationId : undefined;
}

/** Containers around a value: the document, the list and the operation or comparison. */
const AROUND = 3;
const MEMBERS = 16;

function transactionIn(body: Buffer, { limits }: Exchanges, within: Uint8Array | undefined): Transaction {
  const most = within === undefined ? MAX_TRANSACTION_ITEMS : MAX_NAMESPACE_TRANSACTION_ITEMS;
  const bounds = {
    depth: limits.jsonDepth + AROUND,
    members: limits.jsonMembers + MEMBERS * most,
  };
  const [read] = readJson([body], { raw: RAW_MEMBERS, bounds, fieldOf: () => 'body' });
  const { if: ifs = [], then: thens = [], else: elses = [], on_error: onError = 'fail' } = transactionOf(read);
  const count = ifs.length + thens.length + elses.length;
  if (count === 0) throw invalid('then', 'a transaction compares or does something');
  if (count > most) {
    const message = `at most ${most} comparisons and operations together`;
    const field = ifs.length > most ? 'if' : 'then';
    throw new KvorumError('invalid-request', message, { field, limit: most });
  }
  const then = thens.map((each, index) => stepOf(each, { list: 'then', index }, limits, within));
  const otherwise = elses.map((each, index) => stepOf(each, { list: 'else', index }, limits, within));
  const program: Program = {
    comparisons: ifs.map((each, index) => comparisonOf(each, { list: 'if', index }, within)),
    then: then.map(({ step }) => step),
    otherwise: otherwise.map(({ step }) => step),
    onError,
    valueLimit: limits.valueBytes,
  };
  return { program, then, otherwise };
}

function documentOf(
  { succeeded, results, omitted }: ProgramOutcome,
  revisions: TransactionReply['revisions'],
  { then, otherwise }: Transaction,
  { shardOf, limit }: { readonly shardOf: ShardOf; readonly limit: number },
): JsonPieces {
  const steps = succeeded ? then : otherwise;
  const pieces: JsonPieces = [`{"succeeded":${succeeded},`];
  if (omitted) pieces.push('"results_omitted":true,');
  else {
    pieces.push('"results":[');
    for (const [index, result] of new AnswerBudget(limit).fitAll(results).entries()) {
      const step = steps[index];
      if (step === undefined) continue;
      if (index > 0) pieces.push(',');
      const shard = shardOf(step.step.key);
      const shown = resultOf(step.named, result, { shard, revision: revisions.get(shard) ?? 0 });
      if (typeof shown === 'string') pieces.push(shown);
      else pieces.push(...shown);
    }
    pieces.push('],');
  }
  pieces.push(`"revisions":${JSON.stringify(Object.fromEntries(revisions))}}`);
  return pieces;
}
