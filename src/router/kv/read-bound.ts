/** `?consistency=stale&min_revision=17`, `?consistency=stale&max_staleness=500ms`: what a stale read demands. */
import { isRevision, isStaleness, parseDuration, type Consistency, type ReadBound } from '../../shard/index.js';
import { invalid } from '../http/index.js';

export const BOUND_PARAMETERS = ['min_revision', 'max_staleness'] as const;

const REVISION = /^(0|[1-9][0-9]{0,14})$/;

/** @returns undefined: there is none @throws KvorumError `invalid-request` */
export function boundIn(parameters: ReadonlyMap<string, string>, consistency: Consistency): ReadBound | undefined {
  const [minRevision, maxStalenessMs] = [minRevisionIn(parameters), maxStalenessIn(parameters)];
  if (minRevision === undefined && maxStalenessMs === undefined) return undefined;
  if (consistency === 'stale') return { minRevision, maxStalenessMs };
  const field = minRevision === undefined ? 'max_staleness' : 'min_revision';
  throw invalid(field, 'is only for reads with consistency=stale');
}

function minRevisionIn(parameters: ReadonlyMap<string, string>): number | undefined {
  const text = parameters.get('min_revision');
  if (text === undefined) return undefined;
  if (REVISION.test(text) && isRevision(Number(text))) return Number(text);
  throw invalid('min_revision', 'expected a revision, a whole number below 2^48');
}

function maxStalenessIn(parameters: ReadonlyMap<string, string>): number | undefined {
  const text = parameters.get('max_staleness');
  if (text === undefined) return undefined;
  const ms = parseDuration(text);
  if (ms !== undefined && isStaleness(ms)) return ms;
  throw invalid('max_staleness', 'expected a duration such as 500ms or 30s, at most 24h');
}

/** Of a list: its shards have revisions of their own, and a stream reads a state that it holds. */
export function boundOfList(
  parameters: ReadonlyMap<string, string>,
  { consistency, isStream }: { readonly consistency: Consistency; readonly isStream: boolean },
): ReadBound | undefined {
  if (parameters.has('min_revision')) {
    throw invalid('min_revision', 'is only for one key: each shard has revisions of its own');
  }
  if (isStream && parameters.has('max_staleness')) {
    throw invalid('max_staleness', 'is for keys and pages, and not for streams (application/x-ndjson)');
  }
  return boundIn(parameters, consistency);
}
