/**
 * The nemesis's plan: which faults, when, for how long, generated from a seed before the run begins.
 *
 * A plan is a sequence of slots: faults begin, go on for a while, are healed, and a rest follows. Every requested kind
 * comes at least once; a slot may hold one kind of each family (links, processes, disks, clocks) at the same time.
 * Faults of folders are combined with faults of links only, and most of them not even with those. The leaders are not
 * known yet, so a step may refer to "the leader of shard s".
 */
import type { Fault } from '../../src/faults/index.js';
import { CLOCK_KINDS, DISK_KINDS, LINK_KINDS, PROCESS_KINDS, type FaultKind } from './kinds.js';
import type { Random } from '../../src/random.js';
import { stepsOf } from './steps.js';
import { SYMPTOMS } from './symptoms.js';

/**
 * A fault for the node that leads shard `leaderOf` at that time. `deafen`: it can send but receives nothing; `mute`: it
 * receives but nothing that it sends arrives.
 */
export interface LeaderFault {
  readonly type: 'isolate' | 'deafen' | 'mute' | 'kill' | 'pause';
  readonly leaderOf: number;
}

export interface Step {
  /** Milliseconds after the slot began. */
  readonly afterMs: number;
  readonly fault: Fault | LeaderFault;
  /** Wait until the node is ready, with a time limit, before the next step. */
  readonly untilReady?: boolean;
}

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly steps: readonly Step[];
}

export interface Slot {
  /** Milliseconds after the load began. */
  readonly atMs: number;
  /** Duration until everything is healed. */
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

/** Load without faults at the beginning, so that leaders and keys exist. */
const LEAD_IN_MS = 1_000;
/** The shortest slot: the shortest SIGSTOP that is required, and some rest. */
const LEAST_FAULT_MS = 2_000;
const LEAST_REST_MS = 700;
const LEAST_SLOT_MS = LEAST_FAULT_MS + LEAST_REST_MS;
const USUAL_SLOT_MS = 7_000;
const MOST_FAULT_MS = 10_000;
const PAIRED_SHARE = 0.4;

const FAMILIES: readonly (readonly FaultKind[])[] = [LINK_KINDS, PROCESS_KINDS, DISK_KINDS, CLOCK_KINDS];

/**
 * A folder that is lost or went back may legitimately lose acknowledged writes if more than a minority of the replicas
 * that have them are away. So no other node is faulted at the same time, and none is down: the nemesis waits for that.
 * Links may be cut.
 */
const BESIDE_LINKS: readonly FaultKind[] = ['wiped-disk', 'rolled-back-disk'];
/**
 * These are combined with nothing. Cut off from the others, a node may legitimately lose its place to its copy, and
 * a stray is refused by no node, and a disk without writes does not fail; and a node that has exited because of a
 * failed disk cannot have a fault of processes.
 */
const ALONE: readonly FaultKind[] = ['copied-node', 'stray', 'failed-disk'];
/** Kinds that need all other nodes to be up and healthy. */
const NEEDS_ALL: readonly FaultKind[] = [...BESIDE_LINKS, ...ALONE];
/** Kinds with a symptom come alone once: a full disk shows no symptom while all nodes are dead. */
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

/** `count` spans of at least the shortest slot, which fill the time. */
function spansOf(random: Random, count: number, availableMs: number): number[] {
  const spareMs = availableMs - count * LEAST_SLOT_MS;
  const weights = Array.from({ length: count }, () => 0.5 + random.next());
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => LEAST_SLOT_MS + (spareMs * weight) / sum);
}

/** Every kind once, alone where there is room, in random order; further slots are filled at random. */
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

/** Two kinds of one family do not fit together, nor do two without a family. */
export const fits = (slot: readonly FaultKind[], kind: FaultKind): boolean =>
  slot.every((other) => familyOf(other) !== familyOf(kind) && bears(kind, other) && bears(other, kind));

/** All nodes have to be up and healthy before it begins. */
export const needsAll = (slot: readonly FaultKind[]): boolean => slot.some((kind) => NEEDS_ALL.includes(kind));

/** A slot without a kind of its family; there is one, as there are at least as many slots as kinds in any family. */
function roomFor(slots: readonly FaultKind[][], kind: FaultKind): FaultKind[] {
  const free = slots.find((slot) => fits(slot, kind));
  if (free === undefined) throw new RangeError(`no room for ${kind}`);
  return free;
}
