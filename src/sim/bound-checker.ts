/**
 * Stale reads, as clients see them: what a bound promises (`ReadBound`), judged by when each entry was committed.
 *
 * - `minRevision`: the answer is of no earlier revision.
 * - `maxStalenessMs`: nothing is missing that was committed so long before the client asked, by a clock that may be as slow
 *   as any in this run. So a value that was overwritten longer ago than the bound does not come back.
 * - Every answer is the state that its shard had at the revision that it names: no value of another moment.
 *
 * An entry counts as committed when the first node regards it as committed; nobody can have been told of it before.
 */
import { shardOfKey, stringKey, type Answer, type Get, type GroupId, type ReadBound } from '../shard/index.js';
import type { Random } from '../random.js';
import type { Mark } from './marks.js';
import type { Scenario } from './scenario.js';

/** A position, and what was so from it on. */
interface Since {
  readonly index: number;
  readonly value: number;
}

interface Shard {
  /** Keys whose revisions are tracked, each with its revision from an index on; 0: absent. */
  readonly keys: readonly { readonly name: string; readonly key: Uint8Array; readonly revisions: Since[] }[];
  /** When the commit index had come so far: `value` is the time. */
  readonly commits: Since[];
}

export interface BoundedRead {
  readonly operation: Get;
  /** To be called with the answer; undefined: there was none. */
  readonly judge: (answer: Answer | undefined) => void;
}

export interface BoundCheckerOptions {
  readonly scenario: Pick<Scenario, 'keys' | 'shards' | 'boundedShare'> & {
    readonly clocks: { readonly drift: number };
  };
  /** Virtual time, ms. */
  readonly now: () => number;
  /** Revision of a key as of the newest entry that was reported; 0: absent. */
  readonly revisionOf: (group: GroupId, key: Uint8Array) => number;
  readonly onViolation: (what: string) => void;
  readonly reached: (mark: Mark) => void;
}

const STALENESS_MS = [1, 2, 5, 20, 150];
/** Times are compared as fractions of a millisecond. */
const ROUNDING_MS = 0.5;

export class BoundChecker {
  readonly #options: BoundCheckerOptions;
  readonly #shards = new Map<GroupId, Shard>();
  /** Without reads to judge nothing is kept. */
  readonly #isUsed: boolean;

  constructor(options: BoundCheckerOptions) {
    this.#options = options;
    this.#isUsed = (options.scenario.boundedShare ?? 0) > 0;
  }

  /** The entry at `index` is committed; to be called for each, in order. */
  committed(group: GroupId, index: number): void {
    if (!this.#isUsed) return;
    const { now, revisionOf } = this.#options;
    const shard = this.#shard(group);
    shard.commits.push({ index, value: now() });
    for (const { key, revisions } of shard.keys) {
      const value = revisionOf(group, key);
      if (value !== (revisions.at(-1)?.value ?? 0)) revisions.push({ index, value });
    }
  }

  /** A stale read of a key. @param known a revision of the key that the client has seen; 0: none */
  plan(key: string, known: number, random: Random): BoundedRead {
    const bound = this.#isUsed ? boundFor(known, random) : undefined;
    const encoded = stringKey(key);
    const operation: Get = { type: 'get', key: encoded, consistency: 'stale', bound };
    const group = shardOfKey(encoded, this.#options.scenario.shards) + 1;
    const askedMs = this.#options.now();
    const judge = (answer: Answer | undefined): void => {
      if (!this.#isUsed || answer?.type !== 'get') return;
      const wrong = this.#fault(group, key, { bound, askedMs, answer });
      if (wrong !== undefined) this.#options.onViolation(`a stale read of ${key} ${wrong}`);
    };
    return { operation, judge };
  }

  #fault(group: GroupId, key: string, { bound = {}, askedMs, answer }: Judged): string | undefined {
    const { minRevision = 0, maxStalenessMs } = bound;
    const { revision, record } = answer;
    const { commits, keys } = this.#shard(group);
    if (revision < minRevision) return `is as of revision ${revision}, and ${minRevision} was the least`;
    if (minRevision > 0) this.#options.reached('read-with-min-revision');
    if (maxStalenessMs !== undefined) {
      const { drift } = this.#options.scenario.clocks;
      const untilMs = askedMs - maxStalenessMs / (1 - drift) - ROUNDING_MS;
      const due = commits.findLast(({ value }) => value <= untilMs)?.index ?? 0;
      if (revision < due) {
        return `is as of revision ${revision}, and ${due} was committed more than ${maxStalenessMs} ms before it`;
      }
      if (revision < (commits.at(-1)?.index ?? 0)) this.#options.reached('stale-read-within-bound');
    }
    const tracked = keys.find(({ name }) => name === key);
    const expected = tracked?.revisions.findLast(({ index }) => index <= revision)?.value ?? 0;
    const found = record?.revision ?? 0;
    if (found === expected) return undefined;
    return `as of revision ${revision} has the value of ${found}, and not that of ${expected}`;
  }

  #shard(group: GroupId): Shard {
    let shard = this.#shards.get(group);
    if (shard === undefined) {
      const { keys, shards } = this.#options.scenario;
      const names = Array.from({ length: keys }, (_, at) => `k${at + 1}`);
      const own = names.map((name) => ({ name, key: stringKey(name), revisions: [] }));
      shard = { keys: own.filter(({ key }) => shardOfKey(key, shards) === group - 1), commits: [] };
      this.#shards.set(group, shard);
    }
    return shard;
  }
}

interface Judged {
  readonly bound: ReadBound | undefined;
  readonly askedMs: number;
  readonly answer: Extract<Answer, { type: 'get' }>;
}

function boundFor(known: number, random: Random): ReadBound {
  const maxStalenessMs = random.pick(STALENESS_MS);
  const dice = random.next();
  if (known === 0 || dice < 0.5) return { maxStalenessMs };
  return dice < 0.9 ? { minRevision: known } : { minRevision: known, maxStalenessMs };
}
