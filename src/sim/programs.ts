/**
 * Operations of clients that are programs, and what their answers say of each key.
 *
 * A program of several keys is recorded as an operation on each of them: all happened at one moment between its start and
 * its end, so each is judged rightly by itself; that they happened together is left to `reference.ts`, which applies them
 * as one. Keys `k…` hold values that are written once, so that a revision names a value; keys `c…` hold numbers, and no
 * condition on them names a revision, because a touch and a number that comes again would break that.
 */
import type { Completion, Invocation } from '../check/index.js';
import {
  decodeOutcome,
  encodeProgram,
  stringKey,
  type Condition,
  type KeyRecord,
  type Program,
  type Refusal,
  type Step,
  type StepResult,
} from '../shard/index.js';
import type { Random } from '../random.js';
import type { Scenario } from './scenario.js';

export interface Known {
  readonly revision: number;
  /** Null = absent. */
  readonly value: string | null;
}

/** What a client requests of one key, and how it reads the result of the step. */
export interface Part {
  readonly invocation: Invocation;
  /** Milliseconds; undefined = it sets no deadline. */
  readonly ttlMs?: number;
}

export interface Planned {
  readonly key: string;
  readonly body: Uint8Array;
  readonly parts: readonly Part[];
  readonly isTransaction: boolean;
}

export interface ProgramScene {
  readonly random: Random;
  readonly keys: number;
  readonly counters: number;
  readonly shardOf: (key: string) => number;
  readonly known: (key: string) => Known | undefined;
  readonly freshValue: () => string;
}

const SHORTEST_TTL_MS = 50;
const LONGEST_TTL_MS = 800;
const VALUE_LIMIT = 1024 * 1024;
const NO_CONDITION: Condition = { type: 'none' };

interface Single {
  readonly step: Step;
  readonly part: Part;
}

export function planProgram(scene: ProgramScene): Planned {
  const { random } = scene;
  const dice = random.next();
  if (dice < 0.15) return transaction(scene);
  if (dice < 0.3) return batch(scene);
  const one = single(scene, dice < 0.75 ? counterOf(scene) : keyOf(scene));
  return planned([one], { then: [one.step], onError: 'fail' });
}

const keyOf = ({ random, keys }: ProgramScene): string => `k${random.integer(1, keys)}`;
const counterOf = ({ random, counters }: ProgramScene): string => `c${random.integer(1, counters)}`;
const ttlOf = ({ random }: ProgramScene): number => random.integer(SHORTEST_TTL_MS, LONGEST_TTL_MS);

function single(scene: ProgramScene, key: string): Single {
  return key.startsWith('c') ? onCounter(scene, key) : onKey(scene, key);
}

function onCounter(scene: ProgramScene, key: string): Single {
  const { random } = scene;
  const base = { key: stringKey(key), condition: NO_CONDITION, returning: 'nothing' } as const;
  const dice = random.next();
  if (dice < 0.6) {
    const by = random.integer(1, 1_000_000);
    const bounds = { initial: 0n, min: undefined, max: undefined, clamp: false, ttlMs: undefined };
    return {
      step: { ...base, type: 'increment', by: BigInt(by), ...bounds },
      part: { invocation: { op: 'increment', key, value: String(by) } },
    };
  }
  if (dice < 0.75) {
    const ttlMs = random.chance(0.7) ? ttlOf(scene) : undefined;
    return { step: { ...base, type: 'touch', ttlMs }, part: partOf({ op: 'touch', key }, ttlMs) };
  }
  if (dice < 0.85) return { step: { ...base, type: 'get' }, part: { invocation: { op: 'get', key } } };
  if (dice < 0.9) {
    const step: Step = { ...base, type: 'delete', condition: { type: 'exists' } };
    return { step, part: { invocation: { op: 'delete', key } } };
  }
  return put(scene, key, String(random.integer(0, 9)), NO_CONDITION);
}

function onKey(scene: ProgramScene, key: string): Single {
  const { random } = scene;
  const base = { key: stringKey(key), returning: 'nothing' } as const;
  const known = scene.known(key);
  const condition = known === undefined || random.chance(0.5) ? NO_CONDITION : conditionOf(known);
  if (random.chance(0.2)) {
    const exists: Condition = condition.type === 'revision' ? condition : { type: 'exists' };
    const invocation: Invocation =
      exists.type === 'exists' || known === undefined
        ? { op: 'delete', key }
        : { op: 'cas', key, expected: known.value, value: null };
    return { step: { ...base, type: 'delete', condition: exists }, part: { invocation } };
  }
  return put(scene, key, scene.freshValue(), condition);
}

function put(scene: ProgramScene, key: string, value: string, condition: Condition): Single {
  const ttlMs = scene.random.chance(0.8) ? ttlOf(scene) : undefined;
  const step: Step = {
    type: 'put',
    key: stringKey(key),
    condition,
    returning: 'nothing',
    body: Buffer.from(value),
    contentType: 'text/plain',
    expiry: ttlMs === undefined ? { type: 'none' } : { type: 'after', ms: ttlMs },
  };
  const expected = condition.type === 'none' ? undefined : (scene.known(key)?.value ?? null);
  const invocation: Invocation =
    expected === undefined ? { op: 'put', key, value } : { op: 'cas', key, expected, value };
  return { step, part: partOf(invocation, ttlMs) };
}

const partOf = (invocation: Invocation, ttlMs: number | undefined): Part =>
  ttlMs === undefined ? { invocation } : { invocation, ttlMs };

/** Steps that may fail one by one, on different keys of a shard. */
function batch(scene: ProgramScene): Planned {
  const singles = neighbours(scene, scene.random.integer(2, 4)).map((key) => single(scene, key));
  return planned(singles, { then: singles.map(({ step }) => step), onError: 'continue' });
}

/** If a key is as it was last seen, it and others of its shard are written; otherwise it is read. */
function transaction(scene: ProgramScene): Planned {
  const [key = 'k1', ...others] = neighbours(scene, scene.random.integer(1, 3));
  const known = scene.known(key);
  const seen: Known = known ?? { revision: 0, value: null };
  const bytes = stringKey(key);
  const first = put(scene, key, scene.freshValue(), conditionOf(seen));
  const writes = [{ ...first, step: { ...first.step, condition: NO_CONDITION } }];
  for (const other of others) {
    const value = other.startsWith('c') ? '0' : scene.freshValue();
    writes.push(put(scene, other, value, NO_CONDITION));
  }
  const comparison: Program['comparisons'][number] =
    seen.value === null ? { key: bytes, type: 'absent' } : { key: bytes, type: 'revision', revision: seen.revision };
  const read: Step = { type: 'get', key: bytes, condition: NO_CONDITION, returning: 'nothing' };
  return {
    ...planned(writes, {
      comparisons: [comparison],
      then: writes.map(({ step }) => step),
      otherwise: [read],
      onError: 'fail',
    }),
    isTransaction: true,
  };
}

/** Many increments of unknown outcome on one number would be beyond the checker's bounds. */
const CLIENTS_PER_COUNTER = 5;

/** How many numbers there are. */
export const countersOf = ({ counters, clients }: Pick<Scenario, 'counters' | 'clients'>): number =>
  Math.max(counters, Math.ceil(clients / CLIENTS_PER_COUNTER));

/** All that clients use. */
export const keyNames = (scenario: Pick<Scenario, 'keys' | 'counters' | 'clients'>): string[] =>
  namesOf(scenario.keys, countersOf(scenario));

const namesOf = (keys: number, counters: number): string[] => [
  ...Array.from({ length: keys }, (_, i) => `k${i + 1}`),
  ...Array.from({ length: counters }, (_, i) => `c${i + 1}`),
];

/** Up to `count` different keys of one shard, the first of them one of the `k…`. */
function neighbours(scene: ProgramScene, count: number): string[] {
  const first = keyOf(scene);
  const shard = scene.shardOf(first);
  const others = scene.random.shuffle(
    namesOf(scene.keys, scene.counters).filter((key) => key !== first && scene.shardOf(key) === shard),
  );
  return [first, ...others.slice(0, count - 1)];
}

function planned(
  singles: readonly Single[],
  program: Pick<Program, 'then' | 'onError'> & Partial<Pick<Program, 'comparisons' | 'otherwise'>>,
): Planned {
  const body = encodeProgram({ comparisons: [], otherwise: [], valueLimit: VALUE_LIMIT, ...program });
  const parts = singles.map(({ part }) => part);
  return { key: parts[0]?.invocation.key ?? '', body, parts, isTransaction: false };
}

export const conditionOf = ({ revision, value }: Known): Condition =>
  value === null ? { type: 'absent' } : { type: 'revision', revision };

/** What became of a part; and what the key holds, if that is known. */
export interface Judged {
  readonly completion: Completion;
  readonly learned?: Known;
}

/** The refusal of the whole program, or what became of each part. @param refused judges a step that failed */
export function judgeProgram(
  { parts, isTransaction }: Pick<Planned, 'parts' | 'isTransaction'>,
  outcome: Uint8Array,
  refused: (part: Part, refusal: Refusal) => Judged,
): readonly Judged[] | Refusal {
  const decoded = decodeOutcome(outcome);
  if ('code' in decoded) return decoded;
  const { succeeded, results, omitted } = decoded;
  // It was applied, and its results are not known any more.
  if (omitted) return parts.map(() => ({ completion: { ok: null } }));
  if (isTransaction && !succeeded) return parts.map((_, index) => (index === 0 ? compared(results[0]) : NOT_DONE));
  return parts.map((part, index) => judgeStep(part, results[index], refused));
}

const NOT_DONE: Judged = { completion: { ok: false, error: 'the comparison did not hold' } };

function compared(result: StepResult | undefined): Judged {
  const record = result?.type === 'get' ? result.record : undefined;
  const learned = knownOf(record);
  const { value } = learned;
  return { completion: value === null ? { ok: false, existed: false } : { ok: false, result: value }, learned };
}

const knownOf = (record: KeyRecord | undefined): Known =>
  record === undefined
    ? { revision: 0, value: null }
    : { revision: record.revision, value: Buffer.from(record.body).toString() };

function judgeStep(
  part: Part,
  result: StepResult | undefined,
  refused: (part: Part, refusal: Refusal) => Judged,
): Judged {
  const { invocation } = part;
  switch (result?.type) {
    case undefined:
      return { completion: { ok: null } };
    case 'get': {
      const learned = knownOf(result.record);
      return { completion: { ok: true, result: learned.value }, learned };
    }
    case 'write': {
      if (result.number !== undefined) return { completion: { ok: true, result: result.number.toString() } };
      const completion: Completion = { ok: true };
      const value = invocation.value ?? null;
      return value === null ? { completion } : { completion, learned: { revision: result.revision, value } };
    }
    case 'delete': {
      const learned = { revision: 0, value: null };
      const existed = invocation.op === 'delete' ? { existed: result.deleted } : {};
      return { completion: { ok: true, ...existed }, learned };
    }
    case 'delete-range':
      throw new Error('no range was to be deleted');
    case 'failed':
      return refused(part, { ...result, type: 'refused', outcome: 'not_applied' });
  }
}

export const UNKNOWN: Judged = { completion: { ok: null } };

/**
 * @param outcomeUnknown an earlier attempt may have been applied
 * @param valueAt what the key held at a revision, if any client has seen it
 */
export function judgeRefusal(
  { invocation }: Part,
  { code, details, outcome }: Refusal,
  outcomeUnknown: boolean,
  valueAt: (key: string, revision: number) => string | undefined,
): Judged {
  if (code === 'precondition-failed') {
    return { completion: unmet(invocation, details.currentRevision ?? 0, valueAt) };
  }
  if (invocation.op === 'get') return { completion: { ok: false, error: code } };
  return outcomeUnknown || outcome === 'unknown' ? UNKNOWN : { completion: { ok: false, error: code } };
}

/** What a failed condition says of the key. */
function unmet(
  { op, key }: Invocation,
  revision: number,
  valueAt: (key: string, revision: number) => string | undefined,
): Completion {
  if (op === 'delete') return { ok: true, existed: false };
  if (op === 'touch') return { ok: false };
  if (revision === 0) return { ok: false, existed: false };
  const result = valueAt(key, revision);
  return result === undefined ? { ok: false } : { ok: false, result };
}
