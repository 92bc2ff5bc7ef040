/** What a PATCH body of each content type means, in a request of its own and within a batch or transaction. */
import { parseJsonPatch, parseMergePatch, type Faulty, type ParsedPatch, type Step } from '../../shard/index.js';
import { invalid } from '../http/index.js';
import { readJson } from './read-json.js';
import { checked, incrementBody, PATCH_TYPES, touchBody, type PatchType } from './schemas.js';
import { requireTtl } from './single.js';

/** A step without what all steps have. */
export type StepBody = Step extends infer Each
  ? Each extends Step
    ? Omit<Each, 'key' | 'condition' | 'returning'>
    : never
  : never;

export interface JsonLimits {
  readonly depth: number;
  readonly members: number;
}

const NO_RAW: ReadonlySet<string> = new Set();
/** Members of the bodies of increments and touches. */
const SMALL = { depth: 4, members: 64 };

/** @param at what the body is called in refusals @throws KvorumError `invalid-request` */
export function patchStep(type: PatchType, body: Buffer, at: string, bounds: JsonLimits): StepBody {
  switch (type) {
    case PATCH_TYPES.merge:
      return { type: 'merge-patch', body: parsed(parseMergePatch(body, bounds), at) };
    case PATCH_TYPES.json:
      return { type: 'json-patch', body: parsed(parseJsonPatch(body, bounds), at) };
    case PATCH_TYPES.append:
      return { type: 'append', body };
    case PATCH_TYPES.increment:
      return incrementStep(checked(incrementBody, small(body, at), at), at);
    case PATCH_TYPES.touch:
      return touchStep(checked(touchBody, small(body, at), at), at);
  }
}

export interface IncrementFields {
  readonly by: bigint;
  readonly initial?: bigint | undefined;
  readonly min?: bigint | undefined;
  readonly max?: bigint | undefined;
  readonly clamp?: boolean | undefined;
  readonly ttl?: string | undefined;
}

export const incrementStep = (
  { by, initial = 0n, min, max, clamp = false, ttl }: IncrementFields,
  at: string,
): StepBody => ({
  ...{ type: 'increment', by, initial, min, max, clamp },
  ttlMs: ttl === undefined ? undefined : requireTtl(ttl, `${at}.ttl`),
});

export const touchStep = ({ ttl }: { readonly ttl: string | null }, at: string): StepBody => ({
  type: 'touch',
  ttlMs: ttl === null ? undefined : requireTtl(ttl, `${at}.ttl`),
});

const small = (body: Buffer, at: string): unknown =>
  readJson([body], { raw: NO_RAW, bounds: SMALL, fieldOf: () => at })[0];

function parsed(patch: ParsedPatch | Faulty, at: string): Uint8Array {
  if (!('fault' in patch)) return patch.patch;
  const { field = 'body', message } = patch.fault;
  throw invalid(`${at}${field.slice('body'.length)}`, message);
}
