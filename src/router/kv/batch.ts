/**
 * `POST /v1/batch`: up to 1,000 independent operations, as one JSON document or as lines. Each has a result of its own,
 * in the order asked; what is malformed anywhere refuses all.
 */
import { stringify } from 'uuid';
import { MAX_BATCH_BYTES, MAX_BATCH_OPERATIONS } from '../../shard/index.js';
import { missingNamespace, runBatch, type BatchGroup, type DispatchReply } from '../dispatch/index.js';
import { invalid, parseQuery, preferredType, splitTarget } from '../http/index.js';
import type { JsonPieces } from './envelope.js';
import type { Exchange, Exchanges } from './exchange.js';
import type { NamedKey } from './key.js';
import {
  answerLimitOf,
  answerMany,
  executeBy,
  JSON_TYPE,
  NDJSON_TYPE,
  readHead,
  shardsBy,
  withinOf,
  type Posted,
} from './many.js';
import { stepOf, type NamedStep } from './operation-steps.js';
import { TAKEN } from './parameters.js';
import { batchIn } from './plain-puts.js';
import { readJson } from './read-json.js';
import { refusalResult, resultOf } from './results.js';
import { checked, operation, RAW_MEMBERS, type OperationBody } from './schemas.js';

export function serveBatch(exchanges: Exchanges, exchange: Exchange): void {
  parseQuery(splitTarget(exchange.target).query, TAKEN.none);
  const posted = readHead(exchanges, exchange, [JSON_TYPE, NDJSON_TYPE]);
  const within = withinOf(exchange);
  const answerType = answerTypeOf(exchange.request.headers.accept, posted.type);
  exchanges.readBody(exchange, MAX_BATCH_BYTES, (body) => {
    const { limits } = exchanges;
    const bodies = posted.type === NDJSON_TYPE ? linesOf(body, exchanges) : operationsOf(body, exchanges);
    const steps = bodies.map((each, index) => stepOf(each, { list: 'ops', index }, limits, within));
    const shown = shownKeys(steps);
    exchanges.until(exchange, run(exchanges, posted, steps), (groups) => {
      exchanges.answer(exchange, posted.settings, groups[0]?.reply, (context) => {
        const missing = within && withoutNamespace(groups);
        if (missing !== undefined) {
          const to = { exchange, forwarding: posted.settings.forwarding, operationId: undefined };
          return exchanges.writeRefusal(to, context, missing);
        }
        const results = resultsOf(groups, shown, posted);
        const pieces = answerType === NDJSON_TYPE ? asLines(results) : asDocument(results);
        const written = groups.filter(({ isRead }) => !isRead);
        answerMany(context, pieces, { type: answerType, replayed: written.length > 0 && written.every(isReplayed) });
        return 'ok';
      });
    });
  });
}

/** Keys that results show, by the places of their operations: only what is read. The steps themselves are not kept. */
const shownKeys = (steps: readonly NamedStep[]): ReadonlyMap<number, NamedKey> => {
  const shown = new Map<number, NamedKey>();
  steps.forEach(({ step, named }, position) => {
    if (step.type === 'get') shown.set(position, named);
  });
  return shown;
};

const run = (
  exchanges: Exchanges,
  { identity, settings }: Posted,
  steps: readonly NamedStep[],
): Promise<BatchGroup[]> =>
  runBatch(
    {
      operationId: identity.operationId,
      attempt: identity.attempt,
      steps: steps.map(({ step }) => step),
      valueLimit: exchanges.limits.valueBytes,
      answerLimit: answerLimitOf(exchanges),
      consistency: settings.consistency,
    },
    {
      deadlineMs: settings.deadlineMs,
      forward: settings.forwarding.allowed,
      execute: executeBy(exchanges.options.dispatcher),
      shardOfKey: shardsBy(exchanges),
    },
  );

/** Containers around a value: the document, the list and the operation. */
const AROUND = 3;
/** Members of an operation itself, at most. */
const MEMBERS = 16;

const bounds = ({ limits }: Exchanges, around: number): { depth: number; members: number } => ({
  depth: limits.jsonDepth + around,
  members: limits.jsonMembers + MEMBERS * MAX_BATCH_OPERATIONS,
});

function operationsOf(body: Buffer, exchanges: Exchanges): readonly OperationBody[] {
  const read = { raw: RAW_MEMBERS, bounds: bounds(exchanges, AROUND), fieldOf: () => 'body' };
  return batchIn(readJson([body], read)[0]).ops;
}

const NEW_LINE = 0x0a;

/** The last line may end without a line break. */
function linesOf(body: Buffer, exchanges: Exchanges): readonly OperationBody[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < body.length;) {
    const found = body.indexOf(NEW_LINE, from);
    const end = found < 0 ? body.length : found;
    if (lines.length === MAX_BATCH_OPERATIONS) {
      throw invalid('ops', `expected at most ${MAX_BATCH_OPERATIONS} operations`);
    }
    lines.push(body.subarray(from, end));
    from = end + 1;
  }
  if (lines.length === 0) throw invalid('ops', 'expected at least one operation');
  const read = { raw: RAW_MEMBERS, bounds: bounds(exchanges, 1), fieldOf: (index: number) => `ops[${index}]` };
  return readJson(lines, read).map((value, index) => checked(operation, value, `ops[${index}]`));
}

const TYPES = [JSON_TYPE, NDJSON_TYPE];

/** Lines are answered with lines, unless JSON is asked for. */
const answerTypeOf = (accept: string | undefined, sent: string): string => preferredType(accept, sent, TYPES);

/** The text of each result, or its pieces. */
type Result = string | JsonPieces;

function resultsOf(
  groups: readonly BatchGroup[],
  shown: ReadonlyMap<number, NamedKey>,
  { identity }: Posted,
): Result[] {
  const results: Result[] = [];
  for (const group of groups) {
    const { outcome, positions, shard, reply } = group;
    if ('code' in outcome) {
      const isUnknown = outcome.outcome === 'unknown' && !group.isRead;
      const refusal = { ...outcome, details: { ...outcome.details, shard } };
      // A retry of the whole batch under this key has no second effect, in no shard.
      const result = refusalResult(refusal, isUnknown ? stringify(identity.operationId) : undefined);
      for (const position of positions) results[position] = result;
      continue;
    }
    const revision = reply.answer.type === 'program' ? reply.answer.revision : 0;
    positions.forEach((position, at) => {
      const result = outcome.results[at];
      results[position] =
        result === undefined
          ? `{"status":200,"revision":${revision},"results_omitted":true}`
          : resultOf(shown.get(position), result, { shard, revision });
    });
  }
  return results;
}

/** The reply to a batch below a namespace that does not exist; undefined: it does. All of it is one group. */
function withoutNamespace([group]: readonly BatchGroup[]): DispatchReply | undefined {
  if (group === undefined) return undefined;
  const { outcome, reply } = group;
  const refusal = 'code' in outcome ? outcome : missingNamespace(outcome.results);
  if (refusal?.code !== 'namespace-not-found') return undefined;
  return { ...reply, answer: { ...refusal, replayed: isReplayed(group) } };
}

const isReplayed = ({ reply: { answer } }: BatchGroup): boolean => 'replayed' in answer && answer.replayed === true;

const asLines = (results: readonly Result[]): JsonPieces => inOne(results, '', '\n', '\n');
const asDocument = (results: readonly Result[]): JsonPieces => inOne(results, '{"results":[', ',', ']}');

function inOne(results: readonly Result[], before: string, between: string, after: string): JsonPieces {
  const pieces: JsonPieces = [before];
  results.forEach((result, at) => {
    if (at > 0) pieces.push(between);
    if (typeof result === 'string') pieces.push(result);
    else pieces.push(...result);
  });
  pieces.push(after);
  return pieces;
}
