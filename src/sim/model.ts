/**
 * Models: conditions that a seed may add to what `draw.ts` draws, each by its own chance and from a stream of its own,
 * so that one model more changes nothing of what other seeds draw. Named on the command line (`--models`), a model is
 * part of every seed.
 */
export const MODELS = [
  /** Links carry so many bytes a second and queue the rest. */
  'narrow-links',
] as const;

export type Model = (typeof MODELS)[number];

/** How often a seed has each when nothing is said. 0 = only when it is named. */
export const MODEL_CHANCES: Readonly<Record<Model, number>> = {
  'narrow-links': 0,
};
