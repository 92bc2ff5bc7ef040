/** Writes and ranges of clients of ranges: keys `r/…` that no other client writes, and keys of small namespaces. */
import {
  encodeProgram,
  FIRST_KEY,
  inNamespace,
  namespaceKey,
  prefixEndOf,
  shardOfKey,
  shardOfPrefix,
  stringKey,
  type Expiry,
  type Grouping,
  type KvWrite,
  type Program,
  type Step,
} from '../shard/index.js';
import { UNNAMED } from './operation-ids.js';
import type { Random } from '../random.js';
import type { RangeParameters } from './scenario.js';

/** What is before the keys. */
const FOLDERS = ['r/b/', 'r/c/'] as const;
/** The first of all; its keys are in one shard, so that a page needs more of that one than of others. */
const TAGGED = 'r/a{t}/';
const ROOT = 'r/';
const DELIMITER = Buffer.from('/');
const SHORTEST_TTL_MS = 20;
const LONGEST_TTL_MS = 600;
const MOST_STEPS = 4;
/** `unchanged-since` goes back by this many entries at most. */
const MOST_BACK = 40;
const VALUE_LIMIT = 1024 * 1024;
const BASE = { condition: { type: 'none' }, returning: 'nothing' } as const;

export interface RangeScene {
  readonly random: Random;
  readonly parameters: RangeParameters;
  readonly shards: number;
  readonly freshValue: () => string;
  /** Of a shard, as far as any node has committed it. */
  readonly revisionOf: (shard: number) => number;
}

/** A write without the id that makes it one operation. */
export type Unsent = Extract<KvWrite, { type: 'put' | 'delete' | 'program' }>;

export interface NamedRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
  /** What all its keys begin with, if anything. */
  readonly prefix: Uint8Array | undefined;
  readonly shards: readonly number[];
}

const namespacesOf = ({ parameters }: RangeScene): string[] =>
  Array.from({ length: parameters.namespaces }, (_, i) => `n${i + 1}`);

export const namespaceOf = (scene: RangeScene): Uint8Array => namespaceKey(scene.random.pick(namespacesOf(scene)));

const keyIn = ({ random, parameters }: RangeScene, folder: string): Uint8Array =>
  stringKey(`${folder}${random.integer(1, parameters.keys)}`);

const folderOf = ({ random }: RangeScene): string => (random.chance(0.5) ? TAGGED : random.pick(FOLDERS));

const unsent = (key: Uint8Array, program: Partial<Program> & Pick<Program, 'then'>): Unsent => ({
  ...{ type: 'program', key, operationId: UNNAMED, attempt: 'initial' },
  body: encodeProgram({ comparisons: [], otherwise: [], onError: 'fail', valueLimit: VALUE_LIMIT, ...program }),
});

function put({ random, freshValue }: RangeScene, key: Uint8Array): Step {
  const expiry: Expiry = random.chance(0.25)
    ? { type: 'after', ms: random.integer(SHORTEST_TTL_MS, LONGEST_TTL_MS) }
    : { type: 'none' };
  return { ...BASE, type: 'put', key, body: Buffer.from(freshValue()), contentType: 'text/plain', expiry };
}

/** Of a key in the main keyspace, or of several in one shard. */
export function planWrite(scene: RangeScene): Unsent {
  const { random, freshValue } = scene;
  const key = keyIn(scene, folderOf(scene));
  const dice = random.next();
  const common = { key, condition: BASE.condition, operationId: UNNAMED, attempt: 'initial' } as const;
  if (dice < 0.35) return { type: 'put', ...common, body: Buffer.from(freshValue()), contentType: 'text/plain' };
  if (dice < 0.5) return { type: 'delete', ...common };
  if (dice < 0.65) return unsent(key, { then: [put(scene, key)] });
  if (dice < 0.75) {
    const then = steps(scene, () => keyIn(scene, TAGGED));
    return unsent(then[0]?.key ?? key, { then });
  }
  const shard = shardOfKey(key, scene.shards);
  const revision = Math.max(0, scene.revisionOf(shard) - random.integer(0, MOST_BACK));
  const then: Step[] = random.chance(0.5) ? [put(scene, key)] : [{ ...BASE, type: 'get', key }];
  return unsent(key, { comparisons: [{ type: 'unchanged-since', key, revision }], then });
}

function steps(scene: RangeScene, key: () => Uint8Array): Step[] {
  const { random } = scene;
  return Array.from({ length: random.integer(1, MOST_STEPS) }, (): Step =>
    random.chance(0.75) ? put(scene, key()) : { ...BASE, type: 'delete', key: key() },
  );
}

/** Of a few keys of a namespace; as a batch, or all or nothing. */
export function planNamespaceWrite(scene: RangeScene): Unsent {
  const { random, parameters } = scene;
  const within = namespaceOf(scene);
  const then = steps(scene, () => inNamespace(within, stringKey(`x/${random.integer(1, parameters.keys)}`)));
  return unsent(then[0]?.key ?? within, { then, onError: random.chance(0.5) ? 'fail' : 'continue' });
}

/** Creates a namespace, or changes its limits: to fewer keys and bytes than there may be. */
export function planLimits(scene: RangeScene): Unsent {
  const { random, parameters } = scene;
  const key = namespaceOf(scene);
  const maxKeys = random.chance(0.8) ? random.integer(1, parameters.keys) : undefined;
  const maxBytes = random.chance(0.4) ? random.integer(1, 4) * parameters.valueBytes : undefined;
  return unsent(key, { then: [{ ...BASE, type: 'namespace-put', key, maxKeys, maxBytes }] });
}

const rangeOf = (scene: RangeScene, prefix: Uint8Array): NamedRange => ({
  from: prefix,
  to: prefixEndOf(prefix),
  prefix,
  shards: shardsOf(scene, prefix),
});

function shardsOf({ shards }: RangeScene, prefix: Uint8Array | undefined): number[] {
  const only = prefix === undefined ? undefined : shardOfPrefix(prefix, shards);
  return only === undefined ? [...Array(shards).keys()] : [only];
}

/** Of keys that no other client writes. */
export function planDeletion(scene: RangeScene): NamedRange {
  const dice = scene.random.next();
  if (dice < 0.25) return rangeOf(scene, stringKey(folderOf(scene)));
  if (dice < 0.7) return between(scene);
  return dice < 0.75 ? rangeOf(scene, stringKey(ROOT)) : rangeOf(scene, namespaceOf(scene));
}

/** From one key to another, which may be before it. */
function between(scene: RangeScene): NamedRange {
  const { random } = scene;
  const keys = [keyIn(scene, folderOf(scene)), keyIn(scene, folderOf(scene))].sort((a, b) => Buffer.compare(a, b));
  const [from = FIRST_KEY, to] = random.chance(0.05) ? keys.reverse() : keys;
  return { from, to, prefix: undefined, shards: shardsOf(scene, undefined) };
}

export function planRange(scene: RangeScene): NamedRange {
  const dice = scene.random.next();
  if (dice < 0.3) return rangeOf(scene, stringKey(ROOT));
  if (dice < 0.5) return rangeOf(scene, stringKey(folderOf(scene)));
  if (dice < 0.65) return between(scene);
  if (dice < 0.85) return rangeOf(scene, namespaceOf(scene));
  return everything(scene);
}

export const everything = (scene: RangeScene): NamedRange => ({
  from: FIRST_KEY,
  to: undefined,
  prefix: undefined,
  shards: shardsOf(scene, undefined),
});

/** All namespaces. */
export const namespacesRange = (scene: RangeScene): NamedRange => ({
  from: namespaceKey('a').subarray(0, 1),
  to: FIRST_KEY,
  prefix: undefined,
  shards: shardsOf(scene, undefined),
});

/** As a request with `delimiter=/` has it (`router/kv/range-query.ts`). */
export function groupingOf({ prefix }: NamedRange): Grouping {
  const isWhole = prefix === undefined || prefix.at(-1) === 0;
  return { prefixBytes: (prefix?.length ?? 0) + (isWhole ? 1 : 0), delimiter: DELIMITER };
}
