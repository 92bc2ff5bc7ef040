/** What the writes of one key have in common: who wrote it, under which condition, and how it becomes an operation. */
import type { IncomingHttpHeaders } from 'node:http';
import {
  encodeProgram,
  parseTtl,
  type Condition,
  type Expiry,
  type KvWrite,
  type Put,
  type Returning,
  type RunProgram,
  type Step,
} from '../../shard/index.js';
import { identityUnder, type Identity } from '../dispatch/index.js';
import { type DataRequest, headersOf, invalid, type ReturnWish } from '../http/index.js';
import type { Exchange, Settings } from './exchange.js';
import { namedKey, type NamedKey } from './key.js';
import type { Limits } from '../http/index.js';
import type { Match } from './match-list.js';
import { expiryIn, TTL_EXPECTED } from './parameters.js';

/** The key in a path. @throws KvorumError `invalid-request` or `key-too-long` */
export const keyIn = (
  { keyAt, namespace }: Pick<Exchange, 'keyAt' | 'namespace'>,
  path: string,
  parameters: ReadonlyMap<string, string>,
): NamedKey => namedKey(path.slice(keyAt), parameters, namespace);

export const identityOf = (headers: IncomingHttpHeaders): Identity => identityUnder(headersOf.operationIdOf(headers));

export const settingsOf = (headers: IncomingHttpHeaders, limits: Limits): Settings => ({
  consistency: 'linearizable',
  deadlineMs: headersOf.timeoutMs(headers, limits),
  forwarding: headersOf.forwardingOf(headers),
});

/** A body where none belongs is a mistake, or an attempt to smuggle a request. */
export function refuseBody({ headers }: DataRequest): void {
  if (headersOf.bodyLength(headers) !== 0) throw invalid('body', 'this method takes no body');
}

/** A `ttl` in a body, by the rule of the query parameter; undefined without it. */
export function expiryOf(text: string | undefined, field: string): Expiry | undefined {
  if (text === undefined) return undefined;
  const expiry = expiryIn(text);
  if (expiry === undefined) throw invalid(field, TTL_EXPECTED);
  return expiry;
}

export function requireTtl(text: string, field: string): number {
  const ms = parseTtl(text);
  if (ms === undefined) throw invalid(field, TTL_EXPECTED);
  return ms;
}

export const returningOf = (wish: ReturnWish | undefined): Returning => {
  if (wish === 'previous') return 'previous';
  return wish === 'representation' ? 'value' : 'nothing';
};

/** Field by field: adding to a leading spread takes longer than all else here (`docs/decisions.md`). */
export const plainPut = (
  { key, body, contentType }: Pick<Put, 'key' | 'body' | 'contentType'>,
  condition: Condition,
  { operationId, attempt }: Identity,
): Put => ({ type: 'put', key, body, contentType, condition, operationId, attempt });

/** A program of one step, which fails as a whole if the step fails. */
export function stepWrite(step: Step, { operationId, attempt }: Identity, valueLimit: number): RunProgram {
  const body = encodeProgram({ comparisons: [], then: [step], otherwise: [], onError: 'fail', valueLimit });
  return { type: 'program', key: step.key, body, operationId, attempt };
}

/** Undefined unless further revisions are listed. `again` gives the same write under another condition. */
export function matchOf(
  condition: Condition,
  others: readonly number[],
  identity: Identity,
  again: (condition: Condition, identity: Identity) => KvWrite,
): Match | undefined {
  if (others.length === 0 || condition.type !== 'revision') return undefined;
  return {
    revisions: [condition.revision, ...others],
    again: (other, operationId) => again(other, { ...identity, operationId }),
  };
}
