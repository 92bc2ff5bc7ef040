/**
 * A random course of faults from a seed: the same seed, number of nodes and length give the same faults at the same
 * times. Pure.
 *
 * Trouble comes in episodes: one or two faults, some seconds with them, then all is healed, and some seconds without.
 * At most a minority is dead or paused, so that the store is asked to serve on and not only to survive. Slow disks are
 * left out: they need a shim that may not be there.
 */
import type { Fault } from '../../src/faults/index.js';

export interface Step {
  /** Since the beginning. */
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
  const chance = new Chance(seed);
  const endMs = seconds * 1000;
  const steps: Step[] = [];
  for (let atMs = 0; atMs < endMs; atMs += chance.between(...QUIET_MS)) {
    for (const fault of episode(chance, nodes)) steps.push({ atMs, fault });
    atMs = Math.min(atMs + chance.between(...TROUBLE_MS), endMs);
    steps.push({ atMs, fault: { type: 'heal' } });
  }
  return steps;
}

/** Faults of one kind, and now and then of another in addition. */
function episode(chance: Chance, nodes: number): Fault[] {
  const kinds = kindsFor(nodes);
  const first = chance.pick(kinds);
  const second = chance.below(3) === 0 ? chance.pick(kinds) : first;
  const order = chance.shuffled(Array.from({ length: nodes }, (_, index) => index + 1));
  const faults = first(chance, order);
  // Two kinds that act on processes could meet in one node, or take a majority together.
  if (second === first || (isProcessKind(first) && isProcessKind(second))) return faults;
  return [...faults, ...second(chance, order)];
}

/** Faults over the nodes in a random order. */
type Kind = (chance: Chance, order: readonly number[]) => Fault[];

const minorityOf = (count: number): number => Math.max(1, Math.floor((count - 1) / 2));

const some = (chance: Chance, order: readonly number[]): readonly number[] =>
  order.slice(0, 1 + chance.below(minorityOf(order.length)));

const kill: Kind = (chance, order) => some(chance, order).map((node) => ({ type: 'kill', node }));
const pause: Kind = (chance, order) => some(chance, order).map((node) => ({ type: 'pause', node }));
const restart: Kind = (chance, order) => some(chance, order).map((node) => ({ type: 'restart', node }));
const PROCESS_KINDS: readonly Kind[] = [kill, pause, restart];
const isProcessKind = (kind: Kind): boolean => PROCESS_KINDS.includes(kind);

const split: Kind = (chance, order) => {
  const at = 1 + chance.below(order.length - 1);
  return [{ type: 'partition', sides: [order.slice(0, at), order.slice(at)] }];
};
const isolate: Kind = (_, [node = 1]) => [{ type: 'isolate', node }];
const oneWay: Kind = (_, [from = 1, to = 2]) => [{ type: 'cut', from, to }];
const slow: Kind = (chance, [a = 1, b = 2]) => [{ type: 'delay', a, b, ms: chance.between(10, 400) }];
const lossy: Kind = (chance, [a = 1, b = 2]) => [{ type: 'drop', a, b, percent: chance.between(5, 60) }];
const ring: Kind = (_, order) => [{ type: 'ring', order }];
const bridge: Kind = (_, order) => [{ type: 'bridge', order }];

function kindsFor(nodes: number): readonly Kind[] {
  if (nodes === 1) return PROCESS_KINDS;
  const links = [split, isolate, oneWay, slow, lossy];
  return nodes === 2 ? [...PROCESS_KINDS, ...links] : [...PROCESS_KINDS, ...links, ring, bridge];
}

/** xorshift32 (Marsaglia 2003), begun from a hash of the seed's text (FNV-1a). Good enough to draw faults. */
class Chance {
  #state = 0x811c9dc5;

  constructor(seed: string) {
    for (const byte of Buffer.from(seed)) this.#state = Math.imul(this.#state ^ byte, 0x01000193) >>> 0;
    if (this.#state === 0) this.#state = 1;
    for (let i = 0; i < 8; i++) this.below(2);
  }

  /** 0..limit-1. */
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }

  shuffled<T>(from: readonly T[]): T[] {
    return from
      .map((item) => ({ item, rank: this.below(0x1_0000_0000) }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item);
  }
}
