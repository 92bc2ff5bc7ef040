/** Adds models to what a seed generates: decides their parameters. The virtual machines implement them. */
import { LEASE_DRIFT } from './clock.js';
import { ROLLED_BACK_FROM } from './disk-faults.js';
import type { FaultKind, FaultPlan } from './fault-plan.js';
import { withRoomForAnswers, type Scenario } from './scenario.js';
import { MODEL_CHANCES, MODELS, type Model } from './model.js';
import { generateSettings } from './node-settings.js';
import type { Random } from '../random.js';
import type { TrialParameters } from './trial.js';

type AddModel = (scenario: Scenario, random: Random) => Scenario;

const ADD: Readonly<Record<Model, AddModel>> = {
  'narrow-links': narrowLinks,
  'hung-disk': (scenario, random) =>
    withFaults(scenario, random, 'hung-disk', random.integer(1, 2), generateHangMs(random)),
  'full-disk': (scenario, random) =>
    withFaults(scenario, random, 'full-disk', random.integer(1, 3), random.between(100, 3_000)),
  'rolled-back-disk': (scenario, random) => losingDisk(scenario, random, 'rolled-back-disk'),
  'wiped-disk': (scenario, random) => losingDisk(scenario, random, 'wiped-disk'),
  'short-attempts': shortAttempts,
  'short-patience': shortPatience,
  'late-ticks': (scenario, random) => withLeases({ ...scenario, tickLateness: random.pick([0.5, 0.99]) }),
  'unlike-settings': unlikeSettings,
  'rolling-settings': rollingSettings,
  'old-topology': oldTopology,
  'rolling-upgrade': rollingUpgrade,
  'foreign-node': foreignNodes,
  'copied-node': copiedNodes,
  'busy-end': (scenario) => ({ ...scenario, busyEnd: true }),
  'hung-alone': (scenario, random) => leftAlone(scenario, random, 'hung'),
  'failed-alone': (scenario, random) => leftAlone(scenario, random, 'failed'),
  transactions,
  ranges,
};

/** More than a run needs. */
const LEAST_DEDUP_ENTRIES = 16_384;

const electionMs = ({ timers }: Scenario): number => timers.tickMs * timers.electionTicks;

/** @param named these and no others; undefined = each with its own probability */
export function addModels(scenario: Scenario, random: Random, named: readonly Model[] | undefined): Scenario {
  let grown = scenario;
  for (const model of MODELS) {
    const own = random.stream(model);
    const isChosen = own.chance(MODEL_CHANCES[model]);
    if (named?.includes(model) ?? isChosen) grown = ADD[model](grown, own);
  }
  const spared = spareAround(spareAround(grown, 'rolled-back-disk', KEPT_AFTER_MS), 'copied-node', 0);
  return withOneAway(spared, random.stream('one-away'));
}

/**
 * In one election timeout a link carries a few of the largest messages, or less than one. The TCP below it loses,
 * duplicates and reorders nothing, so whatever is resent while the first copy is under way was sent in vain.
 *
 * Half of these scenarios have values so large that they are sent in pieces. The narrowest links carry a few of those
 * per election timeout and little else: heartbeats, and retries of slow operations, would fill a still narrower link
 * for good.
 */
function narrowLinks(scenario: Scenario, random: Random): Scenario {
  const [kib, large] = random.pick([
    [8, 1_000],
    [16, 2_000],
    [64, 4_000],
    [160, random.pick([4_000, 20_000])],
  ] as const);
  const valueBytes = random.chance(0.5) ? scenario.valueBytes : large;
  const isLarge = valueBytes > scenario.valueBytes;
  const bytesPerMs = Math.ceil((kib * 1024) / electionMs(scenario));
  const { checkpoints } = scenario;
  const grown = { keepBytes: 20 * valueBytes, followerBytes: 10 * valueBytes, nodeFollowerBytes: 25 * valueBytes };
  return {
    ...scenario,
    valueBytes,
    ...(isLarge
      ? {
          checkpoints: { ...checkpoints, ...grown, bytes: 20 * valueBytes, journalBytes: 500 * valueBytes },
        }
      : {}),
    network: {
      ...scenario.network,
      lossProbability: 0,
      duplicateProbability: 0,
      reorderProbability: 0,
      narrow: { bytesPerMs },
    },
  };
}

/**
 * In production an attempt may take longer than a simulated client waits, so two attempts are never open at one time.
 * Here several are, mostly while an election is under way.
 */
function shortAttempts(scenario: Scenario, random: Random): Scenario {
  const dispatch = {
    attemptMs: Math.round(electionMs(scenario) * random.pick([0.25, 0.5, 1, 2])),
    sweepMs: random.pick([1, 5, 10]),
    backoffFirstMs: random.pick([1, 10]),
    backoffMostMs: random.pick([10, 50, 200]),
  };
  return { ...scenario, dispatch };
}

/**
 * Shortens timeouts of half a minute or a quarter of an hour, which no run lasts. Clients retry nothing under one id
 * here: after the eviction of its answer a repeated write is applied again if its id does not say when it was made.
 */
function shortPatience(scenario: Scenario, random: Random): Scenario {
  const patience = {
    snapshotMs: random.pick([20, 200, 1_000]),
    dedupWindowMs: random.pick([50, 500, 2_000]),
  };
  const { network } = scenario;
  const narrow = network.narrow && { ...network.narrow, measureEveryMs: random.pick([100, 500]) };
  return { ...scenario, patience, keyedShare: 0, network: { ...network, ...(narrow === undefined ? {} : { narrow }) } };
}

/**
 * Not over narrow links, which the other clients fill already. Not with dedup windows of less than a second, nor with small dedup tables: a shard that has forgotten a vote could give
 * another one to a message that was long on its way, and a client's repeat would be applied again.
 */
function transactions(scenario: Scenario, random: Random): Scenario {
  const { patience, dedupEntries, keyedEntries } = scenario;
  if (patience !== undefined || scenario.network.narrow !== undefined) return scenario;
  return {
    ...withRoomForAnswers(scenario),
    dedupEntries: Math.max(dedupEntries, LEAST_DEDUP_ENTRIES),
    keyedEntries: Math.max(keyedEntries, LEAST_DEDUP_ENTRIES),
    transactions: {
      clients: random.integer(2, 4),
      keys: random.integer(2, 5),
      keyedShare: random.pick([0, 0.3, 0.8]),
      thinkMs: random.pick([10, 30, 60]),
    },
  };
}

/** Not where transactions are left out, for the same reasons. */
function ranges(scenario: Scenario, random: Random): Scenario {
  const { patience, dedupEntries, keyedEntries, valueBytes } = scenario;
  if (patience !== undefined || scenario.network.narrow !== undefined) return scenario;
  return {
    ...withRoomForAnswers(scenario),
    dedupEntries: Math.max(dedupEntries, LEAST_DEDUP_ENTRIES),
    keyedEntries: Math.max(keyedEntries, LEAST_DEDUP_ENTRIES),
    ranges: {
      clients: 2,
      keys: random.pick([2, 5, 10, 20]),
      namespaces: random.integer(1, 2),
      valueBytes,
      keyedShare: random.pick([0, 0.3, 0.8]),
      thinkMs: random.pick([20, 40, 80]),
    },
  };
}

/** Long hangs cost virtual time, so they are rare. */
const generateHangMs = (random: Random): number =>
  random.chance(0.05) ? random.between(5_000, 20_000) : random.between(1_000, 4_000);

/** Adds `count` faults; phase one is extended until they are over. */
function withFaults(scenario: Scenario, random: Random, kind: FaultKind, count: number, lastsMs: number): Scenario {
  const faults = [...scenario.faults];
  let { durationMs } = scenario;
  for (let n = 0; n < count; n++) {
    const id = Math.max(0, ...faults.map((fault) => fault.id)) + 1;
    const atMs = Math.round(scenario.durationMs * random.between(0.05, 0.7));
    const seed = Math.floor(random.next() * 2 ** 32);
    faults.push({ id, atMs, lastsMs: Math.round(lastsMs), kind, seed });
    durationMs = Math.max(durationMs, Math.round(atMs + lastsMs));
  }
  return { ...scenario, durationMs, faults };
}

/** One disk that loses data, and no other that loses or corrupts any: a loss on two disks cannot be repaired. */
function losingDisk(scenario: Scenario, random: Random, kind: FaultKind): Scenario {
  if (scenario.replicas < SPARING_REPLICAS || scenario.faults.some((fault) => losesDisk(fault.kind))) return scenario;
  const faults = scenario.faults.filter((fault) => !UNBEARABLE.has(fault.kind));
  return withFaults({ ...scenario, faults }, random, kind, 1, electionMs(scenario) * random.between(1, 8));
}

/**
 * Removes faults that end or cut off a node between the beginning of a fault of `kind` and `afterMs` after its end.
 *
 *  - What a disk loses of its last incarnation is known only in the memory of its peers, which store it about a second
 *    later (`shard/node/rollback-detector.ts` says what is missed otherwise). Once the returning node is linked to
 *    them, it has learnt of the loss, and links may be cut again.
 *  - That a node runs twice is noticed only while some node is linked to one process and receives news of the other.
 */
function spareAround(scenario: Scenario, kind: FaultKind, afterMs: number): Scenario {
  const spared = scenario.faults.filter((fault) => fault.kind === kind);
  const isApart = (fault: FaultPlan, sinceMs: number): boolean =>
    spared.every(({ atMs, lastsMs }) => fault.atMs + fault.lastsMs < atMs || fault.atMs > atMs + lastsMs + sinceMs);
  const faults = scenario.faults.filter((fault) => {
    const mayCut = afterMs > LINKED_AFTER_MS && LEAVES_NODES_UP.has(fault.kind);
    return spared.includes(fault) || SPARES_NODES.has(fault.kind) || isApart(fault, mayCut ? LINKED_AFTER_MS : afterMs);
  });
  return { ...scenario, faults };
}

/**
 * For half of the disks that are rolled back, one other node is cut off or paused until long after the node is back.
 * All but this one received what the node lost: they have to do without both, and restore the node without its help.
 *
 * No second node is away then: it might be the only one left that had received it. And this one is away before anything
 * is lost, or so early that the others receive something that is lost afterwards, in a round of pings of their own:
 * what only this one received in the last moments, the others could not know.
 */
function withOneAway(scenario: Scenario, random: Random): Scenario {
  const back = scenario.faults.find(({ kind }) => kind === 'rolled-back-disk');
  if (back === undefined || !random.chance(AWAY_SHARE)) return scenario;
  const latestMs = Math.max(0, back.lastsMs * ROLLED_BACK_FROM - electionMs(scenario));
  const atMs = Math.max(0, Math.round(back.atMs + random.between(-AWAY_BEFORE_MS, latestMs)));
  const endMs = Math.round(back.atMs + back.lastsMs + KEPT_AFTER_MS + random.between(0, AWAY_AFTER_MS));
  const id = Math.max(...scenario.faults.map((fault) => fault.id)) + 1;
  const seed = Math.floor(random.next() * 2 ** 32);
  const away = { id, atMs, lastsMs: endMs - atMs, kind: random.pick(TAKES_ONE_AWAY), seed };
  return { ...scenario, durationMs: Math.max(scenario.durationMs, endMs), faults: [...scenario.faults, away] };
}

const AWAY_SHARE = 0.5;
const AWAY_BEFORE_MS = 500;
const AWAY_AFTER_MS = 2_000;
const TAKES_ONE_AWAY = ['isolate-leader', 'pause'] as const;

const KEPT_AFTER_MS = 1_500;
/** Within this time it has been dialled several times. */
const LINKED_AFTER_MS = 300;

/** Least number of replicas that tolerates the loss of one. */
const SPARING_REPLICAS = 3;
const UNBEARABLE: ReadonlySet<FaultKind> = new Set<FaultKind>(['bit-flip', 'kill-all', 'power-cut']);
const SPARES_NODES: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'router-cut',
  'kill-router',
  'slow-disk',
  'slow-leader-disk',
  'disk-stall',
  'hung-disk',
  'full-disk',
  'clock-jump',
  'clock-drift',
]);
/** Links are cut or slow, or a process pauses; none dies. */
const LEAVES_NODES_UP: ReadonlySet<FaultKind> = new Set<FaultKind>([
  ...(['halves', 'isolate-leader', 'one-way', 'ring', 'bridge', 'flapping', 'slow-link', 'lossy'] as const),
  ...(['reset-links', 'pause', 'freeze-leader'] as const),
]);
const losesDisk = (kind: FaultKind): boolean => kind === 'rolled-back-disk' || kind === 'wiped-disk';

/** Clients send lease reads to all nodes; the nodes differ in whether leases are on. Clocks drift as leases allow. */
function unlikeSettings(scenario: Scenario, random: Random): Scenario {
  const settings = Array.from({ length: scenario.nodes }, () => generateSettings(random, scenario.timers));
  const cut = withFaults(
    withLeases({ ...scenario, settings }),
    random,
    'isolate-leader',
    3,
    electionMs(scenario) * random.between(2, 5),
  );
  return withFaults(cut, random, 'unlike-settings', random.integer(1, 4), random.between(50, 300));
}

/** An operator changes timers or leases, or both, while a leader is isolated now and then. */
function rollingSettings(scenario: Scenario, random: Random): Scenario {
  const rolling = withFaults(
    withLeases(scenario),
    random,
    'rolling-settings',
    random.integer(1, 2),
    rollingMs(scenario, random),
  );
  return withFaults(rolling, random, 'isolate-leader', 2, electionMs(scenario) * random.between(2, 5));
}

function oldTopology(scenario: Scenario, random: Random): Scenario {
  const rolling = rollingSettings(scenario, random);
  return withFaults(
    rolling,
    random,
    'old-topology',
    random.integer(1, 3),
    electionMs(scenario) * random.between(3, 12),
  );
}

const rollingMs = ({ nodes }: Scenario, random: Random): number => nodes * random.between(100, 300);

/** A node that lost its data does not know which cluster it belongs to, and cannot recognise foreign nodes. */
function foreignNodes(scenario: Scenario, random: Random): Scenario {
  if (scenario.nodes < 2 || scenario.faults.some((fault) => losesDisk(fault.kind))) return scenario;
  return withFaults(scenario, random, 'foreign-node', random.integer(1, 3), random.between(200, 1_500));
}

/**
 * Builds with the former protocol do not distinguish processes of one node; and after a disk lost data, it would be
 * undecidable whether the copy is behind or the original.
 */
function copiedNodes(scenario: Scenario, random: Random): Scenario {
  if (scenario.nodes < 2 || scenario.former !== undefined || scenario.faults.some((fault) => losesDisk(fault.kind)))
    return scenario;
  return withFaults(scenario, random, 'copied-node', 1, random.between(1_000, 6_000));
}

/**
 * All nodes start as the previous build, and most have been replaced at the end, one after another. That build does not
 * notice disks that lose data. (A new cluster has the level of the nodes that form it: no former node could join it.)
 */
function rollingUpgrade(scenario: Scenario, random: Random): Scenario {
  if (scenario.faults.some((fault) => losesDisk(fault.kind))) return scenario;
  const { nodes } = scenario;
  const former = { nodes, routers: random.integer(0, scenario.routers) };
  const replaced = random.chance(0.7) ? nodes : random.integer(0, nodes);
  // The previous build inserts ids that clients choose among the others, and evicts them with these.
  const keyedShare = scenario.dedupEntries < PLENTY_OF_ENTRIES ? 0 : scenario.keyedShare;
  // It also knows no programs: they are refused, or time out over its links.
  const programShare = Math.min(scenario.programShare, FORMER_PROGRAM_SHARE);
  const grown = { ...scenario, former, keyedShare, programShare };
  return withFaults(grown, random, 'rolling-upgrade', replaced, random.between(20, 300));
}

const FORMER_PROGRAM_SHARE = 0.2;
/** No run has as many writes. */
const PLENTY_OF_ENTRIES = 10_000;

const withLeases = (scenario: Scenario): Scenario => ({
  ...scenario,
  leaseReads: true,
  clocks: { ...scenario.clocks, drift: Math.min(scenario.clocks.drift, LEASE_DRIFT) },
});

/** The other replicas of every shard must be a majority, and no node may be lost for good. */
function leftAlone(scenario: Scenario, random: Random, kind: TrialParameters['kind']): Scenario {
  if (scenario.replicas < SPARING_REPLICAS || scenario.faults.some(({ kind }) => kind === 'bit-flip')) return scenario;
  const seed = Math.floor(random.next() * 2 ** 32);
  return { ...scenario, trial: { kind, lullElections: random.pick([0, 3]), seed } };
}
