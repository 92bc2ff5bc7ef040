/**
 * Runs many seeds, several at a time, and sums up the results. It continues after a failure, and also checks what only
 * many seeds show: that every kind of fault does occur, and that a repeated seed gives the same result.
 *
 * Uses neither processes nor clocks: the caller provides how one seed is run, and when to stop.
 */
import type { Scenario } from './scenario.js';
import type { SimFailure, SimResult } from './result.js';
import { Sum, type Totals } from './totals.js';
import { messageOf } from '../thrown.js';

export interface Measured {
  readonly result: SimResult;
  /** Processor time used. */
  readonly cpuMs: number;
}

/** Rejects if the run itself broke down, for example because its process died. */
export type RunOne = (seed: number, scenario: Scenario) => Promise<Measured>;

export interface CampaignOptions {
  readonly seeds: Iterable<number>;
  readonly scenarioOf: (seed: number) => Scenario;
  readonly run: RunOne;
  /** Number of seeds that run at a time. */
  readonly lanes: number;
  /** Kinds of fault, and marks, to count; those that no seed reached are counted as 0. */
  readonly faultKinds: readonly string[];
  readonly marks: readonly string[];
  /** After `COVERAGE_SEEDS` seeds a count of 0 fails the campaign. */
  readonly mustReachAll: boolean;
  /** Called before each seed; false ends the campaign when the seeds under way are done. */
  readonly mayGoOn?: () => boolean;
  readonly onSeed?: (progress: Pick<Campaign, 'seeds' | 'failures' | 'totals'>) => void;
}

export interface CampaignFailure {
  readonly seed: number;
  readonly scenario: Scenario;
  /** `determinism`: the second run of the seed gave another result. */
  readonly check: SimFailure['check'] | 'determinism';
  readonly reason: string;
  /** Virtual milliseconds; undefined if the time is not known. */
  readonly atMs: number | undefined;
}

export interface Campaign {
  /** Number of seeds that finished, passed or failed. */
  readonly seeds: number;
  /** How many of these were run a second time and compared. */
  readonly replayed: number;
  /** Ordered by seed. */
  readonly failures: readonly CampaignFailure[];
  /** Kinds of fault that were never injected; empty if there were too few seeds to demand all. */
  readonly missingFaults: readonly string[];
  /** Likewise for marks. */
  readonly missingMarks: readonly string[];
  readonly totals: Totals;
}

/** Fewer seeds may miss a rare kind by chance. */
export const COVERAGE_SEEDS = 500;
/** One seed in this many is run twice. */
export const REPLAY_EVERY = 50;
const MOST_FAILURES = 10;

export async function runCampaign(options: CampaignOptions): Promise<Campaign> {
  const { mayGoOn = () => true, faultKinds, marks, mustReachAll } = options;
  const sum = new Sum(faultKinds, marks);
  const failures: CampaignFailure[] = [];
  const seeds = options.seeds[Symbol.iterator]();
  let started = 0;
  let ended = 0;
  let replayed = 0;
  const lane = async (): Promise<void> => {
    while (failures.length < MOST_FAILURES && mayGoOn()) {
      const next = seeds.next();
      if (next.done === true) return;
      started++;
      const twice = started % REPLAY_EVERY === 0;
      const { measured, failure } = await runAndJudge(options, next.value, twice);
      ended++;
      if (twice) replayed++;
      if (measured !== undefined) sum.add(measured.result, measured.cpuMs);
      if (failure !== undefined) failures.push(failure);
      options.onSeed?.({ seeds: ended, failures, totals: sum.totals() });
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, lane));
  const totals = sum.totals();
  const isEnough = mustReachAll && ended >= COVERAGE_SEEDS;
  const missingIn = (names: readonly string[], counts: Readonly<Record<string, number>>): readonly string[] =>
    isEnough ? names.filter((name) => (counts[name] ?? 0) === 0) : [];
  return {
    seeds: ended,
    replayed,
    failures: failures.sort((a, b) => a.seed - b.seed),
    missingFaults: missingIn(faultKinds, totals.faults),
    missingMarks: missingIn(marks, totals.reached),
    totals,
  };
}

export const hasPassed = ({ seeds, failures, missingFaults, missingMarks }: Campaign): boolean =>
  seeds > 0 && failures.length === 0 && missingFaults.length === 0 && missingMarks.length === 0;

async function runAndJudge(
  { run, scenarioOf }: CampaignOptions,
  seed: number,
  twice: boolean,
): Promise<{ measured?: Measured; failure?: CampaignFailure }> {
  const scenario = scenarioOf(seed);
  try {
    const measured = await run(seed, scenario);
    const { failure, digest } = measured.result;
    if (failure !== undefined) return { measured, failure: { seed, scenario, ...failure } };
    if (!twice) return { measured };
    const again = await run(seed, scenario);
    if (again.result.digest === digest) return { measured };
    const reason = `run twice, its digests were ${digest} and ${again.result.digest}`;
    return { measured, failure: { seed, scenario, check: 'determinism', reason, atMs: undefined } };
  } catch (error) {
    const reason = messageOf(error);
    return { failure: { seed, scenario, check: 'crash', reason, atMs: undefined } };
  }
}
