/**
 * The simulator.
 */
export { drawMix } from './draw.js';
export { runSeed, type RunOptions } from './run.js';
export type * from './result.js';
export type * from './mix.js';
export * from './fault-plan.js';
