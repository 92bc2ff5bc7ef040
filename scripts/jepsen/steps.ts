/**
 * The steps of one kind of fault, with its nodes, sides and numbers chosen at random.
 *
 * Nothing here ends a fault; the slot ends with `heal`. A leader is named by its shard.
 */
import type { Fault, NodeSettings, Party, RouterName } from '../../src/faults/index.js';
import type { FaultKind } from './kinds.js';
import type { Random } from '../../src/random.js';
import type { LeaderFault, PlannedFault, Step } from './schedule.js';

export interface StepOptions {
  readonly nodes: number;
  readonly routers: number;
  readonly shards: number;
  readonly lastsMs: number;
}

const FLAP_LEAST_MS = 250;
const FLAP_MOST_MS = 900;
const ONE_LEADER_IN = 3;
const LEASES_SHARE = 0.5;
/** From about what the load of a run sends to another node down to less. */
const NARROW_KBIT = [16, 128] as const;
/** How long all nodes are dead. */
const DOWN_MS = [200, 1_500] as const;

const BROKEN = { 'hung-disk': 'hang-disk', 'full-disk': 'fill-disk' } as const;

export function stepsOf(random: Random, kind: FaultKind, options: StepOptions): Step[] {
  const { shards, lastsMs } = options;
  const all = Array.from({ length: options.nodes }, (_, index) => index + 1);
  const routers = Array.from({ length: options.routers }, (_, index): RouterName => `r${index + 1}`);
  const leaderOf = random.integer(0, shards - 1);
  switch (kind) {
    case 'halves':
      return atOnce([halves(random, all, routers)]);
    case 'isolated-leader':
      return atOnce([{ type: 'isolate', leaderOf }]);
    case 'ring':
    case 'bridge':
      return atOnce([{ type: kind, order: random.shuffle(all) }]);
    case 'one-way':
      return atOnce(oneWay(random, all, leaderOf));
    case 'flapping':
      return flapping(random, all, routers, lastsMs);
    case 'slow-links':
      return atOnce(pairs(random, all).map(([a, b]) => ({ type: 'delay', a, b, ms: random.integer(20, 400) })));
    case 'lossy-links':
      return atOnce(pairs(random, all).map(([a, b]) => ({ type: 'drop', a, b, percent: random.integer(5, 40) })));
    case 'narrow-links':
      return atOnce(
        pairs(random, all).map(([a, b]) => ({ type: 'rate', a, b, kbitPerSecond: random.integer(...NARROW_KBIT) })),
      );
    case 'kill-one':
      return atOnce([{ type: 'kill', node: random.pick(all) }]);
    case 'kill-leader':
      return atOnce([{ type: 'kill', leaderOf }]);
    case 'kill-all':
      return killAll(random, all);
    case 'pause':
      return atOnce(pauses(random, all, leaderOf));
    case 'restart':
      return inTurn(random, all, lastsMs).map(({ afterMs, node }) => ({ afterMs, fault: { type: 'restart', node } }));
    case 'hung-disk':
    case 'full-disk':
      return atOnce(some(random, all).map((node) => ({ type: BROKEN[kind], node })));
    case 'slow-disk':
      return atOnce(some(random, all).map((node) => ({ type: 'slow-disk', node, ms: random.integer(20, 300) })));
    case 'clock-steps':
      return clockSteps(random, all, lastsMs);
    case 'failed-disk':
      // One has to survive: the cluster ends when all nodes have exited by themselves.
      return atOnce(some(random, random.shuffle(all).slice(1)).map((node) => ({ type: 'fail-disk', node })));
    case 'other-settings':
      return atOnce([{ type: 'restart-with', node: random.pick(all), settings: otherSettings(random) }]);
    case 'rolling-settings':
      return roll(random, all, lastsMs);
    case 'wiped-disk':
      return atOnce([{ type: 'wipe-disk', node: random.pick(all) }]);
    case 'rolled-back-disk':
      return rollBack(random.pick(all), lastsMs);
    case 'copied-node':
      // No node dials a copy, and the node with the highest id dials none: a copy of it would have no links.
      return atOnce([{ type: 'copy-node', node: random.pick(all.slice(0, -1)) }]);
    case 'stray':
      return atOnce([{ type: 'stray-node', node: random.pick(all) }]);
  }
}

/**
 * The fault as planned, or, if it shows only where something is written, on all nodes that can have it together: then
 * also where the load is.
 */
export function surest(planned: PlannedFault, nodes: number): PlannedFault {
  const { kind } = planned;
  const all = Array.from({ length: nodes }, (_, index) => index + 1);
  if (kind === 'hung-disk' || kind === 'full-disk') {
    return { kind, steps: atOnce(all.map((node) => ({ type: BROKEN[kind], node }))) };
  }
  // One has to survive, as above.
  if (kind === 'failed-disk') return { kind, steps: atOnce(all.slice(1).map((node) => ({ type: 'fail-disk', node }))) };
  return planned;
}

/** Each node once, in random order, evenly spread over the time. */
const inTurn = (random: Random, all: readonly number[], withinMs: number) =>
  random.shuffle(all).map((node, turn) => ({ afterMs: Math.round((turn * withinMs) / all.length), node }));

const atOnce = (faults: readonly (Fault | LeaderFault)[]): Step[] => faults.map((fault) => ({ afterMs: 0, fault }));

/** Share of the slot after which the folder goes back: what is written until then gets lost. */
const ROLL_BACK_AT = 0.6;

const rollBack = (node: number, lastsMs: number): Step[] => [
  { afterMs: 0, fault: { type: 'keep-disk', node } },
  { afterMs: Math.round(lastsMs * ROLL_BACK_AT), fault: { type: 'roll-back-disk', node } },
];

/** Timers faster or slower than the usual 10 ticks of 50 ms; sometimes with leases, which no other node has. */
function otherSettings(random: Random): NodeSettings {
  const electionTicks = random.pick([4, 20, 60]);
  const leaseReads = random.chance(LEASES_SHARE);
  return { electionTicks, tickMs: random.pick([20, 50, 120]), ...(leaseReads ? { leaseReads } : {}) };
}

/** Share of the slot in which the nodes take their turns; then the new settings have to take effect. */
const ROLLED_BY = 0.5;

/**
 * A rolling change, as an operator does it: the same settings for all, the next node only when the previous is ready.
 */
function roll(random: Random, all: readonly number[], lastsMs: number): Step[] {
  const leaseReads = random.chance(LEASES_SHARE);
  const timers = { tickMs: random.pick([40, 80]), electionTicks: random.pick([12, 20]) };
  const settings: NodeSettings = { ...timers, ...(leaseReads ? { leaseReads } : {}) };
  return inTurn(random, all, lastsMs * ROLLED_BY).map(({ afterMs, node }) => ({
    ...{ afterMs, untilReady: true },
    fault: { type: 'restart-with', node, settings },
  }));
}

/** Seconds to days; the least is enough to be seen in a date of whole seconds. */
const STEP_MS = [10_000, 3 * 24 * 3_600_000] as const;
/**
 * The most that a date is set forward: after more, writes with ids from before would be refused as expired for the rest
 * of the run.
 */
const MOST_FORTH_MS = 4 * 60_000;
/** How often a date is set during a slot, back or forward; the heal then corrects it. */
const STEPS = 3;

function clockSteps(random: Random, all: readonly number[], lastsMs: number): Step[] {
  const [least, most] = STEP_MS;
  return Array.from({ length: STEPS }, (_, turn) =>
    some(random, all).map((node): Step => {
      // Log-uniform: seconds are as likely as days.
      const far = Math.round(least * (most / least) ** random.next());
      const afterMs = Math.round((turn * lastsMs) / STEPS);
      return { afterMs, fault: { type: 'step-clock', node, ms: random.pick([-far, Math.min(far, MOST_FORTH_MS)]) } };
    }),
  ).flat();
}

/** At least one of them, at most all. */
const some = <T>(random: Random, items: readonly T[]): T[] =>
  random.shuffle(items).slice(0, random.integer(1, items.length));

/** A minority and the others. A router is on either side, or reaches both. */
function halves(random: Random, all: readonly number[], routers: readonly RouterName[]): Fault {
  const shuffled = random.shuffle(all);
  const middle = Math.floor(all.length / 2);
  const sides: Party[][] = [shuffled.slice(0, middle), shuffled.slice(middle)];
  for (const router of routers) {
    const side = random.integer(0, sides.length);
    sides[side]?.push(router);
  }
  return { type: 'partition', sides };
}

/** A leader that can only receive or only send, or a node with one-way links to some others. */
function oneWay(random: Random, all: readonly number[], leaderOf: number): (Fault | LeaderFault)[] {
  if (random.integer(1, ONE_LEADER_IN) === 1) return [{ type: random.pick(['deafen', 'mute']), leaderOf }];
  const [from, ...others] = random.shuffle(all);
  if (from === undefined) return [];
  return some(random, others).map((to) => ({ type: 'cut', from, to }));
}

/** Halves, healed, other halves, and so on: links change faster than elections take. */
function flapping(random: Random, all: readonly number[], routers: readonly RouterName[], lastsMs: number): Step[] {
  const steps: Step[] = [];
  for (let afterMs = 0; afterMs < lastsMs; afterMs += random.integer(FLAP_LEAST_MS, FLAP_MOST_MS)) {
    steps.push({ afterMs, fault: steps.length % 2 === 0 ? halves(random, all, routers) : { type: 'mend' } });
  }
  return steps;
}

/** All links of some nodes. */
function pairs(random: Random, all: readonly number[]): (readonly [number, number])[] {
  const chosen = new Set(some(random, all));
  return all.flatMap((a) => all.filter((b) => a < b && (chosen.has(a) || chosen.has(b))).map((b) => [a, b] as const));
}

/** Kills all at one moment, and restarts them soon, while the slot's other faults go on: starting takes time. */
function killAll(random: Random, all: readonly number[]): Step[] {
  const afterMs = random.integer(...DOWN_MS);
  return [
    { afterMs: 0, fault: { type: 'kill-all' } },
    ...all.map((node): Step => ({ afterMs, fault: { type: 'restart', node } })),
  ];
}

/** A leader, or some nodes: sometimes a minority, sometimes so many that nothing can be served. */
function pauses(random: Random, all: readonly number[], leaderOf: number): (Fault | LeaderFault)[] {
  if (random.integer(1, ONE_LEADER_IN) === 1) return [{ type: 'pause', leaderOf }];
  return some(random, all).map((node) => ({ type: 'pause', node }));
}
