/** `PATCH /v1/kv/{key}`: changes a value in place, as one entry in the log. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Condition, KvWrite } from '../../shard/index.js';
import type { Identity } from '../dispatch/index.js';
import { headersOf, HttpProblem, parseMediaType, parseQuery, splitTarget } from '../http/index.js';
import type { Exchange, Exchanges } from './exchange.js';
import { TAKEN } from './parameters.js';
import { patchStep } from './patch-steps.js';
import { answerStep } from './record-answers.js';
import { PATCH_TYPES, type PatchType } from './schemas.js';
import { identityOf, keyIn, matchOf, returningOf, settingsOf, stepWrite } from './single.js';

const TYPES: readonly string[] = Object.values(PATCH_TYPES);
const isPatchType = (text: string): text is PatchType => TYPES.includes(text);
const ACCEPT_PATCH = ['Accept-Patch', TYPES.join(', ')];

export function servePatch(exchanges: Exchanges, exchange: Exchange): void {
  const { headers } = exchange.request;
  const { limits } = exchanges;
  const { path, query } = splitTarget(exchange.target);
  const named = keyIn(exchange, path, parseQuery(query, TAKEN.key));
  headersOf.refuseEncodedBody(headers);
  const type = patchTypeOf(headers);
  const { condition, others } = headersOf.writeCondition(headers);
  const identity = identityOf(headers);
  const settings = settingsOf(headers, limits);
  const wish = headersOf.returnWish(headers);
  const preferences = { named, wish, envelope: headersOf.wantsEnvelope(headers) };
  headersOf.requireLength(headers);
  exchanges.readBody(exchange, limits.valueBytes, (body) => {
    const step = patchStep(type, body, 'body', exchanges.jsonBounds);
    const { key } = named;
    const returning = returningOf(wish);
    const write = (under: Condition, by: Identity): KvWrite =>
      stepWrite({ ...step, key, condition: under, returning }, by, limits.valueBytes);
    exchanges.send({
      exchange,
      consistency: settings.consistency,
      deadlineMs: settings.deadlineMs,
      forwarding: settings.forwarding,
      operation: write(condition, identity),
      match: matchOf(condition, others, identity, write),
      onAnswer: (context, reply, outcome) => answerStep(context, reply, outcome, preferences),
    });
  });
}

function patchTypeOf(headers: IncomingHttpHeaders): PatchType {
  const { essence = '', charset = 'utf-8' } = parseMediaType(headers['content-type'] ?? '') ?? {};
  if (isPatchType(essence) && (charset === 'utf-8' || essence === PATCH_TYPES.append)) return essence;
  throw new HttpProblem('unsupported-media-type', `a PATCH is one of ${TYPES.join(', ')}`, ACCEPT_PATCH);
}
