/**
 * One run, from an empty folder to a report: cluster, load, faults, heal, convergence under load, read back, stop,
 * judge.
 *
 * The cluster is stopped whatever happens in between.
 */
import { setMaxListeners } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { convergence, type Convergence } from './convergence.js';
import { History } from './history.js';
import { HttpClient } from './http.js';
import { runLoad } from './load.js';
import { Nemesis } from './nemesis.js';
import type { Options } from './options.js';
import { Random } from '../../src/random.js';
import { probeKeys, readBack, unserved } from './read-back.js';
import { unreadyNodes } from './readiness.js';
import { compareReplicas, untilLevel } from './replicas.js';
import { makeReport, type Report, type RunFacts } from './report.js';
import { Revisions } from './revisions.js';
import type { Scene, StartScene } from './scene.js';
import { makeSchedule, type Slot } from './schedule.js';
import { Session, Tally, type Stage } from './session.js';
import { formatSlot } from './format-fault.js';
import { judge, makeWorkload } from './workloads/index.js';
import type { Workload } from './workloads/workload.js';
import { UsageError } from '../support/usage.js';
import { messageOf } from '../../src/thrown.js';

/** How long convergence under load may take after the heal, and how long the load goes on at least. */
const CONVERGE_LIMIT_MS = 60_000;
const CONVERGE_LEAST_MS = 5_000;
const READ_BACK_LIMIT_MS = 120_000;
const LEVEL_LIMIT_MS = 30_000;
const PROGRESS_MS = 10_000;
const LARGE_SHARE = 0.02;

export interface RunContext {
  readonly startScene: StartScene;
  readonly say: (text: string) => void;
  /** Requests a stop: the load ends, everything is healed and stopped, and there is no report. */
  readonly signal: AbortSignal;
  /** Only the checker still runs, which does not observe the signal. */
  readonly onJudging: () => void;
}

export interface RunResult {
  /** Undefined: the run was interrupted. */
  readonly report: Report | undefined;
  readonly folder: string;
  readonly historyPath: string;
}

/** What a run yields before its history is checked. */
type RunObservations = Omit<RunFacts, 'check' | 'asked'>;

/** @throws UsageError if the history cannot be written to the requested file; nothing was started then */
export async function run(options: Options, context: RunContext): Promise<RunResult> {
  const { say, signal, startScene } = context;
  const requested = options.history === undefined ? undefined : openHistory(options.history);
  const scene = await startScene(options);
  const historyPath = options.history ?? join(scene.folder, 'history.jsonl');
  const file = requested ?? openSync(historyPath, 'w');
  const history = new History({
    now: () => process.hrtime.bigint(),
    onLine: (line) => writeSync(file, `${line}\n`),
  });
  let observations: RunObservations | undefined;
  try {
    observations = await drive(options, context, { scene, history });
  } finally {
    await scene.stop();
    closeSync(file);
  }
  if (observations === undefined || signal.aborted) return { report: undefined, folder: scene.folder, historyPath };
  context.onJudging();
  const { asked } = history;
  say(`judging ${asked.length} operations`);
  const check = judge(options.workload, history, options.checkTimeoutSeconds * 1_000);
  return { report: makeReport({ ...observations, asked, check }), folder: scene.folder, historyPath };
}

function openHistory(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    const why = messageOf(error);
    throw new UsageError(`--history ${path}: it cannot be written there: ${why}`);
  }
}

/** The part with a cluster. Undefined if it was interrupted. */
async function drive(
  options: Options,
  { say, signal }: RunContext,
  { scene, history }: { readonly scene: Scene; readonly history: History },
): Promise<RunObservations | undefined> {
  const random = new Random(options.seed);
  const kinds = options.kinds.filter((kind) => !scene.cannot.has(kind));
  for (const [kind, why] of scene.cannot) say(`${kind} is skipped: ${why}`);
  const slots = makeSchedule(random.stream('faults'), { ...options, kinds, totalMs: options.seconds * 1_000 });
  printPlan(slots, options, say);
  const http = new HttpClient(options.clients + options.shards);
  const stage = makeStage(scene, { http, history });
  const troubles: string[] = [];
  void scene.ended.then(() => troubles.push('the cluster ended before the run did'));
  try {
    const probes = await probeKeys(scene.endpoints[0] ?? '', options.shards);
    const workload = makeWorkload(options, stage.revisions);
    const sessions = Array.from(
      { length: options.clients },
      (_, client) => new Session(stage, random.stream(`client ${client}`)),
    );
    const nemesis = new Nemesis({ control: scene.control, ...options, now: () => history.now(), say, signal });
    const converge = () => underLoad({ scene, stage, probes, signal });
    const acts = { options, slots, nemesis, workload, sessions, history, say, signal, converge };
    const { load, healed } = await underFaults(acts);
    if (signal.aborted) return undefined;
    const { served, ready, level } = healed.afterMs;
    say(`under load all served after ${inMs(served)}, all ready after ${inMs(ready)}, all level after ${inMs(level)}`);
    const finals = await readBack(sessions, workload, READ_BACK_LIMIT_MS);
    say(`read ${finals.size} keys back`);
    const replicas = await compareReplicas(scene.endpoints[0] ?? '', LEVEL_LIMIT_MS);
    const unready = await unreadyNodes(scene.control, LEVEL_LIMIT_MS, { signal });
    const { attempts, replays, large, surprises } = stage.tally;
    return {
      ...{ kinds: options.kinds, cannot: scene.cannot, injected: nemesis.injected, windows: nemesis.windows },
      ...{ load, healed, attempts, replays, large, surprises, replicas },
      askedPerSecond: options.clients * options.rate,
      troubles: [...troubles, ...nemesis.failures, ...unready],
      harmless: nemesis.harmless,
      problems: workload.problems(history.operations, finals, nemesis.windows),
    };
  } finally {
    await http.close();
  }
}

interface Acts {
  readonly options: Options;
  readonly slots: readonly Slot[];
  readonly nemesis: Nemesis;
  readonly workload: Workload;
  readonly sessions: readonly Session[];
  readonly history: History;
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
  readonly converge: () => Promise<Convergence>;
}

interface Load {
  /** From the start until everything was healed. */
  readonly load: { readonly start: number; readonly end: number };
  readonly healed: Convergence;
}

/** Load and faults together, then load alone until the cluster has converged; no operation is in flight afterwards. */
async function underFaults(acts: Acts): Promise<Load> {
  const { options, slots, nemesis, workload, sessions, history, say, signal, converge } = acts;
  const over = new AbortController();
  const ends = AbortSignal.any([over.signal, signal]);
  // Every client listens for the end while it is idle.
  setMaxListeners(sessions.length + 1, ends);
  const start = history.now();
  const loading = runLoad({ workload, sessions, perSecond: options.rate, signal: ends });
  const progress = setInterval(() => {
    say(`         ${history.asked.length} operations`);
  }, PROGRESS_MS);
  const lasts = pause(options.seconds * 1_000, undefined, { signal }).catch(() => undefined);
  try {
    await Promise.all([nemesis.run(slots), lasts]);
    const end = history.now();
    await nemesis.heal();
    say('healed; the clients go on');
    return { load: { start, end }, healed: await converge() };
  } catch (error) {
    await nemesis.heal();
    throw error;
  } finally {
    over.abort();
    clearInterval(progress);
    await loading;
  }
}

interface Healed {
  readonly scene: Scene;
  readonly stage: Stage;
  readonly probes: readonly string[];
  readonly signal: AbortSignal;
}

/** Served, ready and caught up, while the clients go on. */
function underLoad({ scene, stage, probes, signal }: Healed): Promise<Convergence> {
  return convergence({
    waits: {
      served: (limitMs) => unserved(stage, { probes, limitMs, signal }),
      ready: (limitMs) => unreadyNodes(scene.control, limitMs, { signal }),
      level: (limitMs) => untilLevel(scene.endpoints[0] ?? '', { limitMs, signal }),
    },
    limitMs: CONVERGE_LIMIT_MS,
    leastMs: CONVERGE_LEAST_MS,
    now: () => stage.history.now(),
    signal,
  });
}

const inMs = (ms: number | undefined): string => (ms === undefined ? 'too long' : `${Math.round(ms)} ms`);

function printPlan(slots: readonly Slot[], { seed, seconds }: Options, say: (text: string) => void): void {
  say(`seed ${seed}: ${slots.length} slots of faults in ${seconds} s`);
  for (const slot of slots) say(`  plan ${formatSlot(slot)}`);
}

function makeStage(scene: Scene, own: Pick<Stage, 'http' | 'history'>): Stage {
  const idle = (ms: number): Promise<void> => pause(ms);
  const counts = { revisions: new Revisions(), tally: new Tally() };
  return { endpoints: scene.endpoints, ...own, ...counts, pause: idle, largeShare: LARGE_SHARE };
}
