/** `?consistency=stale&min_revision=17`, `?consistency=stale&max_staleness=500ms`: what a stale read demands. */
import type { Consistency, ReadBound } from '../../shard/index.js';
import { invalid } from '../http/index.js';
import { readQuery } from './parameters.js';

/** @returns undefined: there is none @throws KvorumError `invalid-request` */
export function boundIn(parameters: ReadonlyMap<string, string>, consistency: Consistency): ReadBound | undefined {
  const minRevision = readQuery(parameters, 'min_revision');
  const maxStalenessMs = readQuery(parameters, 'max_staleness');
  if (minRevision === undefined && maxStalenessMs === undefined) return undefined;
  if (consistency === 'stale') return { minRevision, maxStalenessMs };
  const field = minRevision === undefined ? 'max_staleness' : 'min_revision';
  throw invalid(field, 'is only for reads with consistency=stale');
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
