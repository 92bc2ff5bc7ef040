/**
 * `kvorum sim`: simulated seeds, one in this process or many in others, and what came of them on standard output.
 *
 * Knows real time, processes and the terminal, so that the simulator need not. Exit codes: 0 = all seeds passed;
 * 1 = one failed, a kind of fault never happened, or it was interrupted.
 */
import { availableParallelism } from 'node:os';
import { ConfigError, type SimConfig, type SimOverrides } from '../config/index.js';
import {
  applyOverrides,
  campaignDocument,
  campaignReport,
  benchMix,
  drawMix,
  DRAWN_FAULT_KINDS,
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
  type Mix,
  type Model,
  type Shrunk,
} from '../sim/index.js';
import { processLife } from './process-life.js';
import { Progress } from './sim-progress.js';
import { SimWorkers } from './sim-workers.js';
import { messageOf } from '../thrown.js';

type OneSeed = Extract<SimConfig, { type: 'one' }>;
type ManySeeds = Extract<SimConfig, { type: 'many' }>;

const EXIT_PASSED = 0;
const EXIT_FAILED = 1;
const MINUTE_MS = 60_000;
/** A seed takes a fraction of a second; one that takes this long does not end. */
const HANGS_AFTER_MS = 5 * MINUTE_MS;
const SHRINK_MS = MINUTE_MS;
const SHRINK_RUNS = 500;
const LAST_SEED = 0xffff_ffff;
/**
 * Of processor time: other processes of the machine do not shorten it. The first seconds are slower, while the engine
 * compiles; they count.
 */
const BENCH_MS = 30_000;
/** What the bench is there to show. */
const WANTED_PER_CORE = 200;

/** @param script path of this program, to start workers with. */
export const simulate = (config: SimConfig, script: string): Promise<number> =>
  config.type === 'one' ? simulateOne(config) : simulateMany(config, script);

/** Nothing here may depend on anything but the arguments: no time, no order of processes. */
async function simulateOne({ seed, overrides: said, trace, json }: OneSeed): Promise<number> {
  const overrides = { ...said, models: modelsSaid(said) };
  const drawn = drawMix(seed, overrides.models);
  const complaint = faultComplaint(drawn, overrides);
  if (complaint !== undefined) throw new ConfigError('faults', `--faults of seed ${seedText(seed)}: ${complaint}`);
  const tell = (line: string) => process.stdout.write(`${line}\n`);
  const result = await runSeed(seed, applyOverrides(drawn, overrides), trace ? { trace: tell } : {});
  if (json) printDocument(seedDocument(seed, drawn, result));
  else process.stdout.write(seedReport(seed, drawn, result));
  return result.failure === undefined ? EXIT_PASSED : EXIT_FAILED;
}

async function simulateMany(config: ManySeeds, script: string): Promise<number> {
  const first = config.first ?? seedFromClock();
  const lanes = Math.min(config.jobs ?? availableParallelism(), config.seeds ?? Infinity);
  const progress = new Progress({
    write: (text) => process.stderr.write(text),
    isTerminal: process.stderr.isTTY,
    now: () => performance.now(),
  });
  if (config.first === undefined) progress.say(`seeds from ${seedText(first)} on`);
  const workers = new SimWorkers({ script, limitMs: HANGS_AFTER_MS });
  const interruption = listenForInterruption();
  try {
    const startedAt = performance.now();
    const campaign = await runMany({ config, first, lanes, workers, progress, interruption });
    const wallMs = performance.now() - startedAt;
    const shrunk = await shrinkFirst({ config, campaign, workers, progress, interruption });
    progress.end();
    const facts = {
      campaign,
      first,
      interrupted: interruption.told,
      wallMs,
      lanes,
      draw: drawOf(config.overrides),
      shrunk,
    };
    if (config.json) printDocument(campaignDocument(facts));
    else process.stdout.write(campaignReport(facts) + (config.bench ? benchLine(campaign) : ''));
    return hasPassed(campaign) && !interruption.told ? EXIT_PASSED : EXIT_FAILED;
  } finally {
    workers.close();
  }
}

interface Scene {
  readonly config: ManySeeds;
  readonly workers: SimWorkers;
  readonly progress: Progress;
  readonly interruption: { readonly told: boolean };
}

function runMany(scene: Scene & { readonly first: number; readonly lanes: number }): Promise<Campaign> {
  const { config, first, lanes, workers, progress, interruption } = scene;
  const { seeds, minutes, overrides, bench } = config;
  // What is measured does not change with what is modelled.
  const draw = drawOf(bench ? { ...overrides, models: overrides.models ?? [] } : overrides);
  const startedAt = performance.now();
  const endsAt = startedAt + (minutes ?? Infinity) * MINUTE_MS;
  let measuredMs = 0;
  let told = 0;
  return runCampaign({
    seeds: seedsFrom(first, seeds),
    mixOf: (seed) =>
      applyOverrides(bench ? benchMix(draw(seed)) : draw(seed), { ...overrides, models: modelsSaid(overrides) }),
    run: (seed, mix) => workers.run(seed, mix),
    lanes,
    faultKinds: DRAWN_FAULT_KINDS,
    marks: MARKS,
    // A cluster of one has no links to cut: what is overridden may rule kinds out.
    mustReachAll: !isOverridden(overrides) && !bench,
    mayGoOn: () => !interruption.told && (bench ? measuredMs < BENCH_MS : performance.now() < endsAt),
    onSeed: (done) => {
      measuredMs = done.totals.cpuMs;
      for (const failure of done.failures.slice(told)) progress.say(failureWords(failure));
      told = done.failures.length;
      progress.update(() => progressWords(config, done, (performance.now() - startedAt) / 1000));
    },
  });
}

function progressWords(
  { seeds, minutes, bench }: ManySeeds,
  done: Pick<Campaign, 'seeds' | 'failures' | 'totals'>,
  seconds: number,
): string {
  const goal = seeds === undefined ? '' : ` of ${seeds}`;
  const left = minutes === undefined ? '' : `, ${Math.max(0, Math.round(minutes * 60 - seconds))} s to go`;
  const measured = bench ? `, ${(done.totals.cpuMs / 1000).toFixed(1)} of ${BENCH_MS / 1000} s measured` : '';
  return `${done.seeds}${goal} seeds, ${(done.seeds / seconds).toFixed(1)} a second, ${done.failures.length} failed${left}${measured}`;
}

/** At once: a long campaign goes on, and whoever waits for its report can begin to look. */
const failureWords = ({ seed, check, reason }: CampaignFailure): string =>
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
  if (interruption.told) return 'interrupted';
  const why = whyNotShrunk(failure);
  if (why !== undefined) return why;
  progress.say(`making seed ${seedText(failure.seed)} smaller, for ${SHRINK_MS / 1000} s at most`);
  return (await shrinkOne(failure, { workers, progress, interruption })) ?? 'run again, it did not fail in this way';
}

function shrinkOne(failure: CampaignFailure, scene: Omit<Scene, 'config'>): Promise<Shrunk | undefined> {
  const { workers, progress, interruption } = scene;
  const endsAt = performance.now() + SHRINK_MS;
  const sizeOf = ({ faults, nodes, clients }: Mix) => `${faults.length} faults, ${nodes} nodes, ${clients} clients`;
  return shrink({
    failure,
    run: (seed, mix) => workers.run(seed, mix),
    maxRuns: SHRINK_RUNS,
    mayGoOn: () => !interruption.told && performance.now() < endsAt,
    onRun: (runs, smallest) => {
      progress.update(() => `${runs} runs, down to ${sizeOf(smallest)}`);
    },
  });
}

/** Ctrl-C ends a campaign early, with its report; a second one ends it at once. */
function listenForInterruption(): { readonly told: boolean } {
  const interruption = { told: false };
  void processLife().told.then(() => {
    interruption.told = true;
  });
  return interruption;
}

function* seedsFrom(first: number, count = Infinity): Generator<number> {
  const end = Math.min(first + count - 1, LAST_SEED);
  for (let seed = first; seed <= end; seed++) yield seed;
}

/** Of runs that follow each other, no two near each other: the odd constant spreads milliseconds over all seeds. */
const seedFromClock = (): number => Math.imul(Date.now() | 0, 0x9e37_79b1) >>> 1;

/** @throws ConfigError if one of the names is no model's */
function modelsSaid({ models }: SimOverrides): readonly Model[] | undefined {
  try {
    return modelsOf(models);
  } catch (error) {
    throw new ConfigError('models', `--models: ${messageOf(error)}`);
  }
}

/** What a seed draws, with the models that were named. */
function drawOf(overrides: SimOverrides): (seed: number) => Mix {
  const models = modelsSaid(overrides);
  return (seed) => drawMix(seed, models);
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
