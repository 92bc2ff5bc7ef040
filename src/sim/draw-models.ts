/** Adds models to what a seed draws. Knows how each is drawn; what a model does, the virtual machines know. */
import type { Mix } from './mix.js';
import { MODEL_CHANCES, MODELS, type Model } from './model.js';
import type { Random } from './random.js';

type AddModel = (mix: Mix, random: Random) => Mix;

const ADD: Readonly<Record<Model, AddModel>> = {
  'narrow-links': narrowLinks,
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
