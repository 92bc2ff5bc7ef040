/**
 * The nemesis's plan: which faults, when, for how long, drawn from a seed before the run begins.
 *
 * A plan is a row of slots: faults begin, go on for a while, are healed, and a time of rest follows. Every kind that was
 * asked for comes at least once; a slot may hold one kind of each family (links, processes, disks, dates) at the same time. What
 * is done to folders does not bear any company but that of links, and mostly not even that.
 * Who leads is not known yet, so a step may name "the leader of shard s". Knows no cluster and no clock.
 */
import type { Fault } from '../../src/faults/index.js';
import { CLOCK_KINDS, DISK_KINDS, LINK_KINDS, PROCESS_KINDS, type FaultKind } from './kinds.js';
import type { Random } from '../../src/random.js';
import { stepsOf } from './steps.js';
import { SYMPTOMS } from './symptoms.js';

/**
 * What is to be done to the node that leads `leaderOf` (a shard) when the time comes. `deafen`: it is heard and hears
 * nothing; `mute`: it hears and is not heard.
 */
export interface LeaderFault {
  readonly type: 'isolate' | 'deafen' | 'mute' | 'kill' | 'pause';
  readonly leaderOf: number;
}

export interface Step {
  /** Milliseconds after the slot began. */
  readonly afterMs: number;
  readonly fault: Fault | LeaderFault;
  /** The node has to be ready before anything else is done, or it takes too long. */
  readonly untilReady?: boolean;
}

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly steps: readonly Step[];
}

export interface Slot {
  /** Milliseconds after the load began. */
  readonly atMs: number;
  /** Until everything is healed. */
  readonly lastsMs: number;
  readonly faults: readonly PlannedFault[];
}

export interface ScheduleOptions {
  readonly kinds: readonly FaultKind[];
  readonly nodes: number;
  readonly routers: number;
  readonly shards: number;
  readonly totalMs: number;
}

/** Load without faults at the beginning: leaders are there, keys exist. */
const LEAD_IN_MS = 1_000;
/** A slot in a run without time to spare: the shortest SIGSTOP that is asked for, and some rest. */
const LEAST_FAULT_MS = 2_000;
const LEAST_REST_MS = 700;
const LEAST_SLOT_MS = LEAST_FAULT_MS + LEAST_REST_MS;
const USUAL_SLOT_MS = 7_000;
const MOST_FAULT_MS = 10_000;
const PAIRED_SHARE = 0.4;

const FAMILIES: readonly (readonly FaultKind[])[] = [LINK_KINDS, PROCESS_KINDS, DISK_KINDS, CLOCK_KINDS];

/**
 * A folder that is lost or went back may take acknowledged writes with it if more than a minority of those who have them
 * are away, and rightly so. So no other node is hurt then, and none is away: the nemesis waits for that. Links may be cut.
 */
const BESIDE_LINKS: readonly FaultKind[] = ['wiped-disk', 'rolled-back-disk'];
/**
 * These bear no company at all. Cut off from the others, a node may rightly lose its place to its copy, and a stray is
 * turned away by nobody, nor does a disk fail that nothing is written to; and to a node that a failed disk has ended,
 * a fault of processes cannot be done.
 */
const ALONE: readonly FaultKind[] = ['copied-node', 'stray', 'failed-disk'];
/** What wants all other nodes to be there, whole and up. */
const NEEDS_ALL: readonly FaultKind[] = [...BESIDE_LINKS, ...ALONE];
/** What has to be seen to bite comes alone once: a disk that is full does not bite while all nodes are dead. */
const FIRST_ALONE: readonly string[] = Object.keys(SYMPTOMS);

/** The shortest run in which every kind has its turn. */
export function leastMs(kinds: readonly FaultKind[]): number {
  const company = kinds.filter((kind) => !FIRST_ALONE.includes(kind));
  const longest = Math.max(0, ...FAMILIES.map((family) => company.filter((kind) => family.includes(kind)).length));
  return LEAD_IN_MS + (kinds.length - company.length + longest) * LEAST_SLOT_MS;
}

/** @throws RangeError if the time is too short for every kind to come once. */
export function makeSchedule(random: Random, options: ScheduleOptions): Slot[] {
  const { kinds, totalMs } = options;
  if (kinds.length === 0) return [];
  const least = leastMs(kinds);
  if (totalMs < least) {
    throw new RangeError(`${kinds.length} kinds of faults need at least ${Math.ceil(least / 1_000)} s`);
  }
  const availableMs = totalMs - LEAD_IN_MS;
  const most = Math.floor(availableMs / LEAST_SLOT_MS);
  const count = Math.min(most, Math.max(kinds.length, Math.round(availableMs / USUAL_SLOT_MS)));
  const spans = spansOf(random, count, availableMs);
  let atMs = LEAD_IN_MS;
  return kindsOfSlots(random, kinds, count).map((slotKinds, index) => {
    const spanMs = spans[index] ?? LEAST_SLOT_MS;
    const restMs = Math.max(LEAST_REST_MS, spanMs * (0.2 + 0.3 * random.next()));
    const lastsMs = Math.round(Math.min(MOST_FAULT_MS, Math.max(LEAST_FAULT_MS, spanMs - restMs)));
    const faults = slotKinds.map((kind) => ({ kind, steps: stepsOf(random, kind, { ...options, lastsMs }) }));
    const slot = { atMs: Math.round(atMs), lastsMs, faults };
    atMs += spanMs;
    return slot;
  });
}

/** `count` spans of at least the least slot, that fill the time. */
function spansOf(random: Random, count: number, availableMs: number): number[] {
  const spareMs = availableMs - count * LEAST_SLOT_MS;
  const weights = Array.from({ length: count }, () => 0.5 + random.next());
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => LEAST_SLOT_MS + (spareMs * weight) / sum);
}

/** Every kind once, alone where there is room, in an order of chance; what is left over is drawn freely. */
function kindsOfSlots(random: Random, kinds: readonly FaultKind[], count: number): FaultKind[][] {
  const alone = kinds.filter((kind) => FIRST_ALONE.includes(kind));
  const slots: FaultKind[][] = [];
  for (const kind of random.shuffle(kinds.filter((other) => !alone.includes(other)))) {
    if (alone.length + slots.length < count) slots.push([kind]);
    else roomFor(slots, kind).push(kind);
  }
  const once = random.shuffle([...slots, ...alone.map((kind) => [kind])]);
  while (once.length < count) {
    const slot = [random.pick(kinds)];
    const others = kinds.filter((kind) => fits(slot, kind));
    if (others.length > 0 && random.chance(PAIRED_SHARE)) slot.push(random.pick(others));
    once.push(slot);
  }
  return once;
}

const familyOf = (kind: FaultKind): readonly FaultKind[] | undefined =>
  FAMILIES.find((family) => family.includes(kind));

const bears = (kind: FaultKind, other: FaultKind): boolean =>
  !ALONE.includes(kind) && (!BESIDE_LINKS.includes(kind) || familyOf(other) === LINK_KINDS);

/** Of two kinds of one family, or of none, the second has no place. */
export const fits = (slot: readonly FaultKind[], kind: FaultKind): boolean =>
  slot.every((other) => familyOf(other) !== familyOf(kind) && bears(kind, other) && bears(other, kind));

/** All nodes have to be there before it comes. */
export const needsAll = (slot: readonly FaultKind[]): boolean => slot.some((kind) => NEEDS_ALL.includes(kind));

/** A slot without one of its family; there is one, because there are at least as many slots as kinds in any family. */
function roomFor(slots: readonly FaultKind[][], kind: FaultKind): FaultKind[] {
  const free = slots.find((slot) => fits(slot, kind));
  if (free === undefined) throw new RangeError(`no room for ${kind}`);
  return free;
}
