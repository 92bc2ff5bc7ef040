/** `/v1/ns/{ns}`: creates, changes, shows and removes a namespace. */
import {
  behindKey,
  decodeOutcome,
  namespaceKey,
  refuse,
  type Consistency,
  type List,
  type ProgramOutcome,
} from '../../shard/index.js';
import { askWithin, dropNamespace, type DispatchReply } from '../dispatch/index.js';
import { headersOf, HttpProblem, parseQuery, SECURITY_HEADERS, splitTarget } from '../http/index.js';
import { answerMinimal, deletedHeaders, originHeaders, type AnswerContext } from './answers.js';
import type { Exchange, Exchanges } from './exchange.js';
import { JSON_TYPE, requireType, shardsBy } from './many.js';
import { readQuery, TAKEN } from './parameters.js';
import { namespaceMembers } from './range-body.js';
import { readJson } from './read-json.js';
import { checked, namespaceBody } from './schemas.js';
import { identityOf, refuseBody, settingsOf, stepWrite } from './single.js';

export const NAMESPACE_METHODS = 'GET, HEAD, PUT, DELETE';
const MAX_BODY_BYTES = 4_096;

export function serveNamespace(exchanges: Exchanges, exchange: Exchange): void {
  const key = namespaceKey(exchange.namespace ?? '');
  switch (exchange.request.method) {
    case 'GET':
    case 'HEAD':
      show(exchanges, exchange, key);
      return;
    case 'PUT':
      put(exchanges, exchange, key);
      return;
    case 'DELETE':
      drop(exchanges, exchange, key);
      return;
    case undefined:
    default:
      throw new HttpProblem('method-not-allowed', undefined, ['Allow', NAMESPACE_METHODS]);
  }
}

function show(exchanges: Exchanges, exchange: Exchange, key: Uint8Array): void {
  const { headers } = exchange.request;
  refuseBody(exchange.request);
  const parameters = parseQuery(splitTarget(exchange.target).query, TAKEN.showNamespace);
  const consistency = exchanges.consistency(parameters);
  const settings = { ...settingsOf(headers, exchanges.limits), consistency };
  const operation = listOf(key, shardsBy(exchanges)(key), consistency);
  exchanges.send({
    exchange,
    operation,
    ...settings,
    onAnswer: (context, reply) => {
      const [item] = reply.answer.type === 'list' ? reply.answer.items : [];
      if (item?.type !== 'namespace') {
        const missing = { ...reply, answer: refuse('namespace-not-found') };
        return exchanges.writeRefusal(
          { exchange, forwarding: settings.forwarding, operationId: undefined },
          context,
          missing,
        );
      }
      answerJson(
        context,
        200,
        originHeaders(context, reply),
        `{${namespaceMembers(key, item.namespace, reply.shard)}}`,
      );
      return 'ok';
    },
  });
}

/** The namespace alone. */
function listOf(key: Uint8Array, shard: number, consistency: Consistency): List {
  const range = { from: key, to: behindKey(key), reverse: false, grouping: undefined } as const;
  return { type: 'list', shard, ...range, content: 'namespaces', rows: 1, bytes: MAX_BODY_BYTES, consistency };
}

function put(exchanges: Exchanges, exchange: Exchange, key: Uint8Array): void {
  const { headers } = exchange.request;
  const { limits } = exchanges;
  parseQuery(splitTarget(exchange.target).query, TAKEN.none);
  headersOf.refuseConditions(headers, 'a namespace');
  headersOf.refuseEncodedBody(headers);
  const identity = identityOf(headers);
  const settings = settingsOf(headers, limits);
  const wish = headersOf.returnWish(headers);
  headersOf.requireLength(headers);
  if (headersOf.bodyLength(headers) !== 0) requireType(headers, [JSON_TYPE], 'Accept');
  exchanges.readBody(exchange, MAX_BODY_BYTES, (body) => {
    const { maxKeys, maxBytes } = limitsIn(body, exchanges);
    const base = { key, condition: { type: 'none' }, returning: 'nothing' } as const;
    const operation = stepWrite({ type: 'namespace-put', ...base, maxKeys, maxBytes }, identity, limits.valueBytes);
    exchanges.send({
      exchange,
      ...settings,
      operation,
      onAnswer: (context, reply, outcome) => {
        const { revision, created, replayed } = writtenIn(reply, outcome);
        const head = deletedHeaders(context, reply, { deleted: false, revision, replayed });
        if (wish === 'minimal') answerMinimal(context, head);
        else {
          const limit = `"max_keys":${maxKeys ?? null},"max_bytes":${maxBytes ?? null}`;
          const name = `"namespace":"${exchange.namespace ?? ''}","shard":${reply.shard}`;
          const text = `{${name},"revision":${revision},"created":${created},${limit}}`;
          answerJson(context, created ? 201 : 200, head, text);
        }
        return 'ok';
      },
    });
  });
}

/** Without a body: no limits. */
function limitsIn(body: Buffer, exchanges: Exchanges) {
  if (body.length === 0) return {};
  const [read] = readJson([body], { raw: new Set(), bounds: exchanges.jsonBounds, fieldOf: () => 'body' });
  const { max_keys: maxKeys, max_bytes: maxBytes } = checked(namespaceBody, read, '');
  return {
    maxKeys: maxKeys === undefined ? undefined : Number(maxKeys),
    maxBytes: maxBytes === undefined ? undefined : Number(maxBytes),
  };
}

function writtenIn(reply: DispatchReply, outcome: ProgramOutcome | undefined) {
  const [result] = outcome?.results ?? [];
  const { answer } = reply;
  if (answer.type !== 'program' || result?.type !== 'write') throw new Error('the answer does not fit the operation');
  return { revision: answer.revision, created: result.created, replayed: answer.replayed };
}

function drop(exchanges: Exchanges, exchange: Exchange, key: Uint8Array): void {
  const { headers } = exchange.request;
  refuseBody(exchange.request);
  headersOf.refuseConditions(headers, 'a namespace');
  const parameters = parseQuery(splitTarget(exchange.target).query, TAKEN.dropNamespace);
  const force = readQuery(parameters, 'force') ?? false;
  const identity = identityOf(headers);
  const settings = settingsOf(headers, exchanges.limits);
  const { dispatcher } = exchanges.options;
  const write = askWithin(
    { execute: dispatcher.execute.bind(dispatcher), now: () => performance.now() },
    { deadlineMs: settings.deadlineMs, forward: settings.forwarding.allowed },
  );
  const shard = shardsBy(exchanges)(key);
  exchanges.until(exchange, dropNamespace(write, { key, shard, force, identity }), (reply) => {
    exchanges.answer(exchange, settings, reply, (context) => {
      const { answer } = reply;
      const outcome = answer.type === 'program' ? decodeOutcome(answer.outcome) : answer;
      const replayed = 'replayed' in answer && answer.replayed === true;
      if ('code' in outcome) {
        const refused = { ...reply, answer: { ...outcome, replayed } };
        const { operationId } = identity;
        return exchanges.writeRefusal({ exchange, forwarding: settings.forwarding, operationId }, context, refused);
      }
      const revision = answer.type === 'program' ? answer.revision : 0;
      const head = deletedHeaders(context, reply, { deleted: true, revision, replayed });
      answerJson(context, 200, head, `{"deleted":true,"revision":${revision}}`);
      return 'ok';
    });
  });
}

function answerJson({ response }: AnswerContext, status: number, headers: string[], body: string): void {
  headers.push('Content-Type', JSON_TYPE, 'Content-Length', String(body.length), ...SECURITY_HEADERS);
  response.writeHead(status, headers);
  response.end(body, 'latin1');
}
