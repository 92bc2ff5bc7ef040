/**
 * Generates a scenario from a seed. Small clusters, few keys and short timeouts are likely, because then much happens
 * in little time; each seed uses only some kinds of faults, so that each kind occurs alone, in pairs, and among many.
 */
import { FAULT_KINDS, type FaultKind, type FaultPlan } from './fault-plan.js';
import { LEASE_DRIFT } from './clock.js';
import { addModels } from './generate-models.js';
import {
  withRoomForAnswers,
  type ClockParameters,
  type DiskParameters,
  type NetworkParameters,
  type Scenario,
} from './scenario.js';
import type { Model } from './model.js';
import { Random } from '../random.js';

/** @param models what every seed has (`model.ts`); undefined = the seed decides on models, too */
export function generateScenario(seed: number, models?: readonly Model[]): Scenario {
  // The names of streams, here and elsewhere, are part of what a seed means: renamed, each seed would be another run.
  const base = generateBase(new Random(seed).stream('mix'));
  const scenario = addModels(
    addBounds(addPrograms(base, new Random(seed).stream('programs')), new Random(seed).stream('bounds')),
    new Random(seed).stream('models'),
    models,
  );
  return models === undefined ? scenario : { ...scenario, models };
}

/**
 * What came with programs, from a stream of its own. Small tables and clients' own retries go together now: ids that clients
 * choose are in tables of their own, and what may have been evicted is refused. Not while a build before programs is there.
 */
function addPrograms(scenario: Base, random: Random): Scenario {
  const hasSmallTable = scenario.dedupEntries < PRODUCTION_ENTRIES;
  const keyedShare = hasSmallTable ? random.pick([0, 0.3, 0.8]) : scenario.keyedShare;
  const keyedEntries = random.chance(0.3) ? random.integer(3, 60) : 65_536;
  const programShare = random.pick([0, 0.2, 0.4, 0.6]);
  return {
    ...(programShare > 0 ? withRoomForAnswers(scenario) : scenario),
    keyedShare,
    keyedEntries,
    programShare,
    counters: random.integer(1, 3),
  };
}

/** Stale reads with a bound, in some seeds. */
function addBounds(scenario: Scenario, random: Random): Scenario {
  const boundedShare = random.pick([0, 0, 0, 0.3]);
  return boundedShare === 0 ? scenario : { ...scenario, boundedShare };
}

type Base = Omit<Scenario, 'keyedEntries' | 'programShare' | 'counters'>;
const PRODUCTION_ENTRIES = 16_384;

function generateBase(random: Random): Base {
  const nodes = random.pick([1, 2, 3, 3, 3, 3, 4, 5, 5, 5, 6, 7, 9]);
  const replicas = Math.min(nodes, random.pick([1, 2, 3, 3, 3, 3, 5, 5]));
  const leaseReads = random.chance(0.25);
  const tickMs = random.pick([10, 20, 20, 50]);
  const timers = { tickMs, electionTicks: random.integer(8, 12), heartbeatTicks: random.integer(1, 3) };
  const durationMs = Math.round(random.between(1_500, 4_000));
  const hasSmallDedupTable = random.chance(0.25);
  const scenario = {
    nodes,
    replicas,
    shards: random.pick([1, 1, 2, 2, 3, 4, 8]),
    routers: random.integer(1, 3),
    clients: random.integer(3, 8),
    keys: random.integer(1, 8),
    durationMs,
    thinkMs: random.pick([10, 30, 60]),
    leaseReads,
    keyedShare: hasSmallDedupTable ? 0 : random.pick([0, 0.3, 0.8]),
    dedupEntries: hasSmallDedupTable ? random.integer(8, 200) : PRODUCTION_ENTRIES,
    timers,
    checkpoints: {
      bytes: random.pick([1_000, 8_000, 64_000]),
      intervalMs: random.pick([100, 500, 3_000]),
      journalBytes: 512 * 1024,
      keepEntries: random.pick([0, 5, 100]),
      keepBytes: 64_000,
      // Small, so that lagging followers still come to need snapshots.
      followerBytes: 2_000,
      nodeFollowerBytes: 5_000,
    },
    // With small appends, an entry of an old term and the first of the new travel apart, as in figure 8 of the paper.
    appendBytes: random.pick([1, 300, 1_000_000]),
    snapshotChunkBytes: random.pick([100, 1_000, 64_000]),
    valueBytes: random.pick([8, 40, 200]),
    network: generateNetwork(random, tickMs),
    disk: generateDisk(random, tickMs),
    clocks: generateClocks(random, leaseReads),
  };
  return { ...scenario, faults: generateFaults(random, scenario) };
}

/** Delays stay well below an election timeout: otherwise the cluster does nothing but elect. */
function generateNetwork(random: Random, tickMs: number): NetworkParameters {
  return {
    delayMs: random.between(0.05, tickMs / 10),
    jitterMs: random.between(0, tickMs / 5),
    lossProbability: random.pick([0, 0, 0.01, 0.05]),
    duplicateProbability: random.pick([0, 0, 0.02, 0.1]),
    reorderProbability: random.pick([0, 0, 0.02, 0.1]),
  };
}

function generateDisk(random: Random, tickMs: number): DiskParameters {
  return {
    syncMs: random.between(0.05, tickMs / 20),
    jitterMs: random.between(0, tickMs / 5),
    stallProbability: random.pick([0, 0, 0.001]),
  };
}

function generateClocks(random: Random, leaseReads: boolean): ClockParameters {
  return {
    drift: leaseReads ? random.between(0, LEASE_DRIFT) : random.pick([0, 0.01, 0.1]),
    skewMs: random.pick([0, 100, 60_000]),
  };
}

type ScenarioShape = Pick<Scenario, 'nodes' | 'replicas' | 'durationMs'> & { readonly timers: Scenario['timers'] };

function generateFaults(random: Random, scenario: ScenarioShape): FaultPlan[] {
  const possible = FAULT_KINDS.filter((kind) => isPossible(kind, scenario));
  const kinds = random.shuffle(possible).slice(0, random.integer(2, 8));
  const electionMs = scenario.timers.tickMs * scenario.timers.electionTicks;
  const betweenMs = electionMs * random.pick([0.5, 1, 2, 4]);
  const faults: FaultPlan[] = [];
  let flipped = false;
  for (let atMs = random.between(0, 500); atMs < scenario.durationMs; atMs += random.between(0, 2 * betweenMs)) {
    const kind: FaultKind = random.pick(kinds);
    // At most one disk rots: what two have lost in common cannot be recovered.
    if (kind === 'bit-flip' && flipped) continue;
    flipped ||= kind === 'bit-flip';
    const leastMs = SUCCESSIONS.has(kind) ? SUCCESSION_ELECTIONS * electionMs : 0;
    const lastsMs = Math.round(leastMs + random.between(0, electionMs * random.pick([0.5, 2, 5])));
    const seed = Math.floor(random.next() * 2 ** 32);
    faults.push({ id: faults.length + 1, atMs: Math.round(atMs), lastsMs, kind, seed });
    if (faults.length === MOST_FAULTS) break;
  }
  // One fault that always takes effect: a seed without any fault is no test.
  const id = faults.length + 1;
  const atMs = Math.round(scenario.durationMs * random.between(0.2, 0.8));
  return [...faults, { id, atMs, lastsMs: electionMs, kind: 'kill', seed: Math.floor(random.next() * 2 ** 32) }];
}

/** A cluster of one has no links to cut; and a majority must remain beside a disk that rots. */
function isPossible(kind: FaultKind, { nodes, replicas }: ScenarioShape): boolean {
  if (kind === 'bit-flip') return replicas >= 3;
  if (kind === 'depose-twice') return nodes >= 3;
  return nodes > 1 || !LINK_FAULTS.has(kind);
}

const LINK_FAULTS: ReadonlySet<FaultKind> = new Set([
  'halves',
  'isolate-leader',
  'one-way',
  'ring',
  'bridge',
  'flapping',
  'slow-link',
  'lossy',
  'freeze-leader',
]);

const MOST_FAULTS = 60;
/** These have no effect before a leader has been replaced. */
const SUCCESSIONS: ReadonlySet<FaultKind> = new Set<FaultKind>(['freeze-leader', 'depose-twice']);
/** Duration of a succession in election timeouts, with a margin. */
const SUCCESSION_ELECTIONS = 2.5;
