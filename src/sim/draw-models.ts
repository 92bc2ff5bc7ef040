/** Adds models to what a seed draws. Knows how each is drawn; what a model does, the virtual machines know. */
import type { FaultKind, ModelFaultKind } from './fault-plan.js';
import type { Mix } from './mix.js';
import { MODEL_CHANCES, MODELS, type Model } from './model.js';
import type { Random } from './random.js';

type AddModel = (mix: Mix, random: Random) => Mix;

const ADD: Readonly<Record<Model, AddModel>> = {
  'narrow-links': narrowLinks,
  'hung-disk': (mix, random) => withFaults(mix, random, 'hung-disk', random.integer(1, 2), drawHangMs(random)),
  'full-disk': (mix, random) => withFaults(mix, random, 'full-disk', random.integer(1, 3), random.between(100, 3_000)),
  'rolled-back-disk': (mix, random) => forgetting(mix, random, 'rolled-back-disk'),
  'wiped-disk': (mix, random) => forgetting(mix, random, 'wiped-disk'),
};

/** @param named these and no others; undefined = each as often as it is drawn */
export function addModels(mix: Mix, random: Random, named: readonly Model[] | undefined): Mix {
  let grown = mix;
  for (const model of MODELS) {
    const own = random.stream(model);
    const isDrawn = own.chance(MODEL_CHANCES[model]);
    if (named?.includes(model) ?? isDrawn) grown = ADD[model](grown, own);
  }
  return grown;
}

/**
 * What one link carries in an election timeout is a few of the largest messages, or less than one. TCP below it loses,
 * doubles and reorders nothing, so whatever is sent twice while the first is under way was sent in vain.
 */
function narrowLinks(mix: Mix, random: Random): Mix {
  const { tickMs, electionTicks } = mix.timers;
  const electionMs = tickMs * electionTicks;
  const bytesPerMs = random.pick([20, 60, 200]);
  return {
    ...mix,
    network: {
      ...mix.network,
      lossProbability: 0,
      duplicateProbability: 0,
      reorderProbability: 0,
      narrow: { bytesPerMs, pieceBytes: Math.max(200, Math.round((bytesPerMs * electionMs) / 20)) },
    },
  };
}

/** Long ones cost virtual time, so they are rare. */
const drawHangMs = (random: Random): number =>
  random.chance(0.05) ? random.between(5_000, 20_000) : random.between(1_000, 4_000);

/** Phase one lasts until they are over. */
function withFaults(mix: Mix, random: Random, kind: ModelFaultKind, count: number, lastsMs: number): Mix {
  const faults = [...mix.faults];
  let { durationMs } = mix;
  for (let n = 0; n < count; n++) {
    const id = Math.max(0, ...faults.map((fault) => fault.id)) + 1;
    const atMs = Math.round(mix.durationMs * random.between(0.05, 0.7));
    const seed = Math.floor(random.next() * 2 ** 32);
    faults.push({ id, atMs, lastsMs: Math.round(lastsMs), kind, seed });
    durationMs = Math.max(durationMs, Math.round(atMs + lastsMs));
  }
  return { ...mix, durationMs, faults };
}

/**
 * One disk that forgets, and no other that rots or forgets: what two have lost, nobody can give back. Those who could
 * tell that it has are not all killed at once.
 */
function forgetting(mix: Mix, random: Random, kind: ModelFaultKind): Mix {
  if (mix.replicas < FORGETTING_REPLICAS || mix.faults.some((fault) => isForgetting(fault.kind))) return mix;
  const faults = mix.faults.filter((fault) => !UNBEARABLE.has(fault.kind));
  const electionMs = mix.timers.tickMs * mix.timers.electionTicks;
  return withFaults({ ...mix, faults }, random, kind, 1, electionMs * random.between(1, 8));
}

const FORGETTING_REPLICAS = 3;
const UNBEARABLE: ReadonlySet<FaultKind> = new Set<FaultKind>(['bit-flip', 'kill-all', 'power-cut']);
const isForgetting = (kind: FaultKind): boolean => kind === 'rolled-back-disk' || kind === 'wiped-disk';
