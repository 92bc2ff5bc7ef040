/**
 * A random schedule of faults from a seed: the same seed, number of nodes and length give the same faults at the same
 * times. Pure.
 *
 * Faults come in episodes: one or two faults for some seconds, then everything is healed for some seconds. At most a
 * minority is dead or paused, so that the store has to go on serving and not only to survive. Slow disks are left out:
 * they need a shim that may not be available.
 */
import type { Fault } from '../../src/faults/index.js';
import { Random } from '../../src/random.js';

export interface Step {
  /** Milliseconds since the start. */
  readonly atMs: number;
  readonly fault: Fault;
}

export interface ScheduleOptions {
  readonly seed: string;
  readonly nodes: number;
  readonly seconds: number;
}

const TROUBLE_MS = [2_000, 6_000] as const;
const QUIET_MS = [1_000, 3_000] as const;

/** The last step heals. */
export function randomSchedule({ seed, nodes, seconds }: ScheduleOptions): Step[] {
  const random = new Random(seed);
  const endMs = seconds * 1000;
  const steps: Step[] = [];
  for (let atMs = 0; atMs < endMs; atMs += random.integer(...QUIET_MS)) {
    for (const fault of episode(random, nodes)) steps.push({ atMs, fault });
    atMs = Math.min(atMs + random.integer(...TROUBLE_MS), endMs);
    steps.push({ atMs, fault: { type: 'heal' } });
  }
  return steps;
}

/** Faults of one kind, sometimes combined with another. */
function episode(random: Random, nodes: number): Fault[] {
  const kinds = kindsFor(nodes);
  const first = random.pick(kinds);
  const second = random.chance(1 / 3) ? random.pick(kinds) : first;
  const order = random.shuffle(Array.from({ length: nodes }, (_, index) => index + 1));
  const faults = first(random, order);
  // Two kinds that act on processes could hit the same node, or affect a majority together.
  if (second === first || (isProcessKind(first) && isProcessKind(second))) return faults;
  return [...faults, ...second(random, order)];
}

/** Faults for the nodes, given in random order. */
type Kind = (random: Random, order: readonly number[]) => Fault[];

const minorityOf = (count: number): number => Math.max(1, Math.floor((count - 1) / 2));

const some = (random: Random, order: readonly number[]): readonly number[] =>
  order.slice(0, random.integer(1, minorityOf(order.length)));

const kill: Kind = (random, order) => some(random, order).map((node) => ({ type: 'kill', node }));
const pause: Kind = (random, order) => some(random, order).map((node) => ({ type: 'pause', node }));
const restart: Kind = (random, order) => some(random, order).map((node) => ({ type: 'restart', node }));
const PROCESS_KINDS: readonly Kind[] = [kill, pause, restart];
const isProcessKind = (kind: Kind): boolean => PROCESS_KINDS.includes(kind);

const split: Kind = (random, order) => {
  const at = random.integer(1, order.length - 1);
  return [{ type: 'partition', sides: [order.slice(0, at), order.slice(at)] }];
};
const isolate: Kind = (_, [node = 1]) => [{ type: 'isolate', node }];
const oneWay: Kind = (_, [from = 1, to = 2]) => [{ type: 'cut', from, to }];
const slow: Kind = (random, [a = 1, b = 2]) => [{ type: 'delay', a, b, ms: random.integer(10, 400) }];
const lossy: Kind = (random, [a = 1, b = 2]) => [{ type: 'drop', a, b, percent: random.integer(5, 60) }];
const ring: Kind = (_, order) => [{ type: 'ring', order }];
const bridge: Kind = (_, order) => [{ type: 'bridge', order }];

function kindsFor(nodes: number): readonly Kind[] {
  if (nodes === 1) return PROCESS_KINDS;
  const links = [split, isolate, oneWay, slow, lossy];
  return nodes === 2 ? [...PROCESS_KINDS, ...links] : [...PROCESS_KINDS, ...links, ring, bridge];
}
