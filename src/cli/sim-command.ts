/**
 * `kvorum sim`: runs simulated seeds, one in this process or many in workers, and reports on standard output.
 *
 * Real time, processes and the terminal are used here, so that the simulator is free of them. Exit codes: 0 = all seeds
 * passed; 1 = one failed, a kind of fault never happened, or it was interrupted.
 */
import { availableParallelism } from 'node:os';
import { ConfigError, type SimConfig, type SimOverrides } from '../config/index.js';
import {
  applyOverrides,
  campaignDocument,
  campaignReport,
  benchScenario,
  generateScenario,
  DEFAULT_FAULT_KINDS,
  MARKS,
  faultComplaint,
  modelsOf,
  hasPassed,
  runCampaign,
  runSeed,
  seedDocument,
  seedReport,
  seedText,
  shrink,
  whyNotShrunk,
  type Campaign,
  type CampaignFailure,
  type Scenario,
  type Model,
  type Shrunk,
} from '../sim/index.js';
import { processLifecycle } from './process-lifecycle.js';
import { CampaignProgress } from './sim-progress.js';
import { SimWorkers } from './sim-workers.js';
import { messageOf } from '../thrown.js';

type OneSeed = Extract<SimConfig, { type: 'one' }>;
type ManySeeds = Extract<SimConfig, { type: 'many' }>;

const EXIT_PASSED = 0;
const EXIT_FAILED = 1;
const MINUTE_MS = 60_000;
/** A seed takes a fraction of a second; one that takes this long hangs. */
const HANGS_AFTER_MS = 5 * MINUTE_MS;
const SHRINK_MS = MINUTE_MS;
const SHRINK_RUNS = 500;
const LAST_SEED = 0xffff_ffff;
/**
 * Of CPU time, so that other processes of the machine do not shorten it. The first seconds are slower, while V8
 * compiles; they count.
 */
const BENCH_MS = 30_000;
/** The target of the bench. */
const WANTED_PER_CORE = 200;

/** @param script path of this program, to start workers with. */
export const simulate = (config: SimConfig, script: string): Promise<number> =>
  config.type === 'one' ? simulateOne(config) : simulateMany(config, script);

/** The output depends on the arguments only: not on time, nor on the order of processes. */
async function simulateOne({ seed, overrides: requested, trace, json }: OneSeed): Promise<number> {
  const overrides = { ...requested, models: requestedModels(requested) };
  const generated = generateScenario(seed, overrides.models);
  const complaint = faultComplaint(generated, overrides);
  if (complaint !== undefined) throw new ConfigError('faults', `--faults of seed ${seedText(seed)}: ${complaint}`);
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const result = await runSeed(seed, applyOverrides(generated, overrides), trace ? { trace: print } : {});
  if (json) printDocument(seedDocument(seed, generated, result));
  else process.stdout.write(seedReport(seed, generated, result));
  return result.failure === undefined ? EXIT_PASSED : EXIT_FAILED;
}

async function simulateMany(config: ManySeeds, script: string): Promise<number> {
  const first = config.first ?? seedFromClock();
  const lanes = Math.min(config.jobs ?? availableParallelism(), config.seeds ?? Infinity);
  const progress = new CampaignProgress({
    write: (text) => process.stderr.write(text),
    isTerminal: process.stderr.isTTY,
    now: () => performance.now(),
  });
  if (config.first === undefined) progress.print(`seeds from ${seedText(first)} on`);
  const workers = new SimWorkers({ script, limitMs: HANGS_AFTER_MS });
  const interruption = watchInterruption();
  try {
    const startedAt = performance.now();
    const campaign = await runMany({ config, first, lanes, workers, progress, interruption });
    const wallMs = performance.now() - startedAt;
    const shrunk = await shrinkFirst({ config, campaign, workers, progress, interruption });
    progress.end();
    const outcome = {
      campaign,
      first,
      interrupted: interruption.requested,
      wallMs,
      lanes,
      scenarioOf: generatorOf(config.overrides),
      shrunk,
    };
    if (config.json) printDocument(campaignDocument(outcome));
    else process.stdout.write(campaignReport(outcome) + (config.bench ? benchLine(campaign) : ''));
    return hasPassed(campaign) && !interruption.requested ? EXIT_PASSED : EXIT_FAILED;
  } finally {
    workers.close();
  }
}

interface Scene {
  readonly config: ManySeeds;
  readonly workers: SimWorkers;
  readonly progress: CampaignProgress;
  readonly interruption: { readonly requested: boolean };
}

function runMany(scene: Scene & { readonly first: number; readonly lanes: number }): Promise<Campaign> {
  const { config, first, lanes, workers, progress, interruption } = scene;
  const { seeds, minutes, overrides, bench } = config;
  // The bench always measures the same models, unless some are named.
  const generate = generatorOf(bench ? { ...overrides, models: overrides.models ?? [] } : overrides);
  const startedAt = performance.now();
  const endsAt = startedAt + (minutes ?? Infinity) * MINUTE_MS;
  let measuredMs = 0;
  let reported = 0;
  return runCampaign({
    seeds: seedsFrom(first, seeds),
    scenarioOf: (seed) =>
      applyOverrides(bench ? benchScenario(generate(seed)) : generate(seed), {
        ...overrides,
        models: requestedModels(overrides),
      }),
    run: (seed, scenario) => workers.run(seed, scenario),
    lanes,
    faultKinds: DEFAULT_FAULT_KINDS,
    marks: MARKS,
    // Overrides may rule kinds of faults out: a cluster of one has no links to cut.
    mustReachAll: !isOverridden(overrides) && !bench,
    mayGoOn: () => !interruption.requested && (bench ? measuredMs < BENCH_MS : performance.now() < endsAt),
    onSeed: (done) => {
      measuredMs = done.totals.cpuMs;
      for (const failure of done.failures.slice(reported)) progress.print(failureText(failure));
      reported = done.failures.length;
      progress.update(() => progressText(config, done, (performance.now() - startedAt) / 1000));
    },
  });
}

function progressText(
  { seeds, minutes, bench }: ManySeeds,
  done: Pick<Campaign, 'seeds' | 'failures' | 'totals'>,
  seconds: number,
): string {
  const goal = seeds === undefined ? '' : ` of ${seeds}`;
  const left = minutes === undefined ? '' : `, ${Math.max(0, Math.round(minutes * 60 - seconds))} s to go`;
  const measured = bench ? `, ${(done.totals.cpuMs / 1000).toFixed(1)} of ${BENCH_MS / 1000} s measured` : '';
  return `${done.seeds}${goal} seeds, ${(done.seeds / seconds).toFixed(1)} a second, ${done.failures.length} failed${left}${measured}`;
}

/** Printed at once, long before the report of a long campaign. */
const failureText = ({ seed, check, reason }: CampaignFailure): string =>
  `seed ${seedText(seed)} failed: ${check}: ${reason.split('\n', 1)[0]}`;

async function shrinkFirst({
  config,
  campaign,
  workers,
  progress,
  interruption,
}: Scene & { readonly campaign: Campaign }): Promise<Shrunk | string | undefined> {
  const [failure] = campaign.failures;
  if (failure === undefined || !config.shrink) return undefined;
  if (interruption.requested) return 'interrupted';
  const why = whyNotShrunk(failure);
  if (why !== undefined) return why;
  progress.print(`shrinking seed ${seedText(failure.seed)}, for ${SHRINK_MS / 1000} s at most`);
  return (await shrinkOne(failure, { workers, progress, interruption })) ?? 'run again, it did not fail in this way';
}

function shrinkOne(failure: CampaignFailure, scene: Omit<Scene, 'config'>): Promise<Shrunk | undefined> {
  const { workers, progress, interruption } = scene;
  const endsAt = performance.now() + SHRINK_MS;
  const sizeOf = ({ faults, nodes, clients }: Scenario) =>
    `${faults.length} faults, ${nodes} nodes, ${clients} clients`;
  return shrink({
    failure,
    run: (seed, scenario) => workers.run(seed, scenario),
    maxRuns: SHRINK_RUNS,
    mayGoOn: () => !interruption.requested && performance.now() < endsAt,
    onRun: (runs, smallest) => {
      progress.update(() => `${runs} runs, down to ${sizeOf(smallest)}`);
    },
  });
}

/** Ctrl-C ends a campaign early, with its report; a second one ends it at once. */
function watchInterruption(): { readonly requested: boolean } {
  const interruption = { requested: false };
  void processLifecycle().stopRequested.then(() => {
    interruption.requested = true;
  });
  return interruption;
}

function* seedsFrom(first: number, count = Infinity): Generator<number> {
  const end = Math.min(first + count - 1, LAST_SEED);
  for (let seed = first; seed <= end; seed++) yield seed;
}

/** Different for each run: the odd constant spreads milliseconds over all seeds. */
const seedFromClock = (): number => Math.imul(Date.now() | 0, 0x9e37_79b1) >>> 1;

/** @throws ConfigError for the name of an unknown model */
function requestedModels({ models }: SimOverrides): readonly Model[] | undefined {
  try {
    return modelsOf(models);
  } catch (error) {
    throw new ConfigError('models', `--models: ${messageOf(error)}`);
  }
}

/** The scenario generator of a seed, with the requested models. */
function generatorOf(overrides: SimOverrides): (seed: number) => Scenario {
  const models = requestedModels(overrides);
  return (seed) => generateScenario(seed, models);
}

const isOverridden = (overrides: SimOverrides): boolean =>
  Object.values(overrides).some((value) => value !== undefined);

function benchLine({ totals }: Campaign): string {
  const perCore = totals.cpuMs > 0 ? (totals.simulatedMs / totals.cpuMs).toFixed(0) : '0';
  const met = totals.simulatedMs >= WANTED_PER_CORE * totals.cpuMs ? 'met' : 'not met';
  const load = ((totals.operations.ok * 1000) / Math.max(1, totals.simulatedMs)).toFixed(0);
  return `bench: ${perCore} simulated seconds per second of one core, with ${load} operations in each; wanted: ${WANTED_PER_CORE}, ${met}\n`;
}

function printDocument(document: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
