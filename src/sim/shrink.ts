/**
 * Reduces a failure: fewer faults, less time, fewer of everything, as long as the same check still fails.
 *
 * Greedy: whatever can be left out stays out, and the rounds repeat until nothing more can go (Zeller,
 * Hildebrandt: Simplifying and Isolating Failure-Inducing Input, 2002, without its splits into single parts).
 * Uses neither processes nor clocks; bounded by a number of runs, and by the caller.
 */
import type { CampaignFailure, RunOne } from './campaign.js';
import type { Scenario } from './scenario.js';
import { fair, type NUMBERS } from './overrides.js';
import { messageOf } from '../thrown.js';

export interface ShrinkOptions {
  readonly failure: CampaignFailure;
  readonly run: RunOne;
  readonly maxRuns: number;
  /** Called before each run; false ends the search with the smallest failure so far. */
  readonly mayGoOn?: () => boolean;
  /** After each run. */
  readonly onRun?: (runs: number, smallest: Scenario) => void;
}

/** What failed in one run. */
type Seen = Pick<CampaignFailure, 'check' | 'reason' | 'atMs'>;

export interface Shrunk {
  /** It was run, and fails in the same check as the original. */
  readonly scenario: Scenario;
  readonly failure: Seen;
  readonly runs: number;
  /** No remaining reduction fails; false if the search was cut short. */
  readonly finished: boolean;
}

type Amount = (typeof NUMBERS)[number];

/**
 * In the order in which they shorten the trace most; the number is the minimum and the step: a tenth of a second more
 * or less makes no difference to a reader.
 */
const GRAINS: Readonly<Record<Amount, number>> = {
  durationMs: 100,
  clients: 1,
  routers: 1,
  nodes: 1,
  shards: 1,
  replicas: 1,
  keys: 1,
};

/** Why a failure of this kind is not shrunk; undefined if it can be. */
export function whyNotShrunk({ check }: CampaignFailure): string | undefined {
  if (check === 'idle') return 'a seed that did too little does no more with less';
  if (check === 'determinism') return 'a run that is not the same twice cannot be compared with a smaller one';
  return undefined;
}

/** Undefined if the failure does not recur: then the run does not depend on its seed alone. */
export async function shrink(options: ShrinkOptions): Promise<Shrunk | undefined> {
  const search = new Search(options);
  if (!(await search.fails(options.failure.scenario))) return undefined;
  for (let before = search.accepted - 1; before < search.accepted && !search.exhausted;) {
    before = search.accepted;
    await shrinkFaults(search);
    for (const name of Object.keys(GRAINS) as Amount[]) await shrinkAmount(search, name);
  }
  return search.outcome();
}

/** Runs candidates, and keeps the last one that failed. */
class Search {
  accepted = 0;
  exhausted = false;
  readonly #options: ShrinkOptions;
  readonly #tried = new Set<string>();
  #smallest: Scenario;
  #failure: Seen | undefined;
  #runs = 0;

  constructor(options: ShrinkOptions) {
    this.#options = options;
    this.#smallest = options.failure.scenario;
  }

  get smallest(): Scenario {
    return this.#smallest;
  }

  /** Runs `scenario`; true if it fails as the original did, which makes it the new smallest. */
  async fails(scenario: Scenario): Promise<boolean> {
    const { failure, run, maxRuns, mayGoOn = () => true, onRun } = this.#options;
    const key = JSON.stringify(scenario);
    if (this.#tried.has(key)) return false;
    if (this.#runs >= maxRuns || !mayGoOn()) {
      this.exhausted = true;
      return false;
    }
    this.#tried.add(key);
    this.#runs++;
    const seen = await failureOf(run, failure.seed, scenario);
    const same = seen?.check === failure.check;
    if (same) {
      this.accepted++;
      this.#smallest = scenario;
      this.#failure = seen;
    }
    onRun?.(this.#runs, this.#smallest);
    return same;
  }

  outcome(): Shrunk | undefined {
    if (this.#failure === undefined) return undefined;
    return { scenario: this.#smallest, failure: this.#failure, runs: this.#runs, finished: !this.exhausted };
  }
}

/** A run that breaks down counts as the check `crash`, as in a campaign. */
async function failureOf(run: RunOne, seed: number, scenario: Scenario): Promise<Seen | undefined> {
  try {
    return (await run(seed, scenario)).result.failure;
  } catch (error) {
    return { check: 'crash', reason: messageOf(error), atMs: undefined };
  }
}

/** Leaves out all faults, then halves, quarters and so on down to single ones. */
async function shrinkFaults(search: Search): Promise<void> {
  if (search.smallest.faults.length === 0) return;
  if (await search.fails({ ...search.smallest, faults: [] })) return;
  for (let size = search.smallest.faults.length >> 1; size >= 1; size >>= 1) await sweep(search, size);
}

/** Tries to leave out each run of `size` faults once. */
async function sweep(search: Search, size: number): Promise<void> {
  for (let from = 0; from < search.smallest.faults.length && !search.exhausted;) {
    const { smallest } = search;
    const faults = smallest.faults.filter((_, at) => at < from || at >= from + size);
    if (!(await search.fails({ ...smallest, faults }))) from += size;
  }
}

/** Tries the minimum, then values nearer and nearer to the present one; repeats from each that fails. */
async function shrinkAmount(search: Search, name: Amount): Promise<void> {
  const grain = GRAINS[name];
  for (let step = search.smallest[name] - grain; step > 0 && !search.exhausted;) {
    const value = Math.ceil((search.smallest[name] - step) / grain) * grain;
    const fails = value < search.smallest[name] && (await search.fails(fair({ ...search.smallest, [name]: value })));
    step = fails ? Math.min(step, search.smallest[name] - grain) : step >> 1;
  }
}
