/**
 * Which operations can make which value, and what follows if there is only one.
 *
 * If a value was observed that was not there at the beginning, and one operation alone can have made it, then that
 * operation happened, even if its outcome is unknown; and if it is an append, it was applied to exactly the rest of
 * that value. So it is equivalent to a successful compare-and-set, whose compared value in turn must have been made by
 * some operation. With unique values this orders all appends that were ever read, before the search begins.
 */
import { Kind, type Effect } from './effect.js';
import { ABSENT, type State, type States } from './states.js';

/** Operations that may put a key into a state, by their indexes. */
export class PossibleWriters {
  readonly #direct = new Map<State, number[]>();
  readonly #appends = new Map<string, number[]>();
  readonly #lengths: readonly number[];
  readonly #states: States;

  constructor(effects: readonly Effect[], states: States) {
    this.#states = states;
    for (const [operation, { kind, from, to }] of effects.entries()) {
      if (kind === Kind.append) add(this.#appends, states.appended(from), operation);
      else if (isSetter(kind)) add(this.#direct, to, operation);
    }
    this.#lengths = [...new Set([...this.#appends.keys()].map((value) => value.length))];
  }

  /** @param limit the caller needs to know of no more than these. */
  of(state: State, limit = Infinity): number[] {
    const writers = [...(this.#direct.get(state) ?? [])];
    if (state === ABSENT) return writers;
    const value = this.#states.value(state);
    for (const length of this.#lengths) {
      // Appending the empty text makes only the empty value, from an absent one.
      if (length > value.length || (length === 0 && value !== '')) continue;
      writers.push(...(this.#appends.get(value.slice(value.length - length)) ?? []));
      if (writers.length > limit) break;
    }
    return writers;
  }
}

export const isSetter = (kind: Kind): boolean =>
  kind === Kind.put || kind === Kind.cas || kind === Kind.count || kind === Kind.delete || kind === Kind.deletePresent;

/** Which states come about without a writer that is known for them. */
export interface Unbound {
  /** The key may become absent by itself. */
  readonly absent: boolean;
  /** Increments that answered nothing may make any integer. */
  readonly integers: boolean;
}

export const isUnbound = (state: State, { absent, integers }: Unbound, states: States): boolean =>
  (absent && state === ABSENT) || (integers && state !== ABSENT && states.isInteger(state));

/** Whether a required operation with this effect needs one particular state: `effect.from`. */
export const demands = (kind: Kind): boolean => kind === Kind.seen || kind === Kind.cas;

/** Marks operations that must have happened as required, and binds appends to the one value that they can extend. */
export function bindSoleWriters(
  effects: Effect[],
  required: Uint8Array,
  states: States,
  initial: State,
  unbound: Unbound,
): void {
  const writers = new PossibleWriters(effects, states);
  const queue: State[] = [];
  const queued = new Set<State>();
  const mustBeMade = (state: State): void => {
    if (state === initial || queued.has(state) || isUnbound(state, unbound, states)) return;
    queued.add(state);
    queue.push(state);
  };
  for (const [operation, { kind, from }] of effects.entries()) {
    if (required[operation] === 1 && demands(kind)) mustBeMade(from);
  }
  for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
    const [sole, another] = writers.of(state, 1);
    if (sole === undefined || another !== undefined) continue;
    const effect = effects[sole];
    if (effect === undefined) continue;
    required[sole] = 1;
    if (effect.kind === Kind.cas) mustBeMade(effect.from);
    // What an append extended is known only if nothing else than operations that say what they make changes the key.
    if (effect.kind !== Kind.append || unbound.absent || unbound.integers) continue;
    const from = restOf(state, effect.from, states, writers, initial);
    if (from === undefined) continue;
    effects[sole] = { kind: Kind.cas, from, to: state };
    mustBeMade(from);
  }
}

/** The value before `appendix` made `state`; undefined if both absent and the empty value are possible. */
function restOf(
  state: State,
  appendix: number,
  states: States,
  writers: PossibleWriters,
  initial: State,
): State | undefined {
  const value = states.value(state);
  const rest = value.slice(0, value.length - states.appended(appendix).length);
  if (rest !== '') return states.of(rest);
  const empty = states.of('');
  const canBe = (which: State): boolean => which === initial || writers.of(which, 0).length > 0;
  if (!canBe(empty)) return ABSENT;
  return canBe(ABSENT) ? undefined : empty;
}

function add<Key>(map: Map<Key, number[]>, key: Key, operation: number): void {
  const there = map.get(key);
  if (there === undefined) map.set(key, [operation]);
  else there.push(operation);
}
