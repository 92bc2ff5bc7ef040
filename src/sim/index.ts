/**
 * The simulator: production code in virtual time, under faults that one seed draws.
 *
 * `draw.ts` turns a seed into a mix, `run.ts` runs it and judges. Around one seed: `campaign.ts` runs many, `shrink.ts`
 * makes a failure smaller, `overrides.ts` is how a mix is said on the command line, `report.ts` what came of it.
 */
export { hasPassed, runCampaign, type Campaign, type CampaignFailure, type Measured, type RunOne } from './campaign.js';
export { benchMix } from './bench-scenario.js';
export { drawMix } from './generate.js';
export { FAULT_KINDS, MODEL_FAULT_KINDS, type FaultKind, type FaultPlan } from './fault-plan.js';
export { MARKS, type Mark } from './marks.js';
export type * from './scenario.js';
export { DRAWN_FAULT_KINDS, MODELS, type Model } from './model.js';
export {
  applyOverrides,
  faultComplaint,
  modelsOf,
  overridesBetween,
  repeatCommand,
  seedText,
  type Overrides,
} from './overrides.js';
export { campaignDocument, campaignReport, seedDocument, seedReport, type CampaignFacts } from './report.js';
export type { SimFailure, SimResult } from './result.js';
export { runSeed, type RunOptions } from './run.js';
export { shrink, whyNotShrunk, type Shrunk } from './shrink.js';
