/**
 * The simulator: production code in virtual time, under faults that are generated from one seed.
 *
 * `generate.ts` turns a seed into a scenario, `run.ts` runs it and judges the result. For one seed or many:
 * `campaign.ts` runs many, `shrink.ts` reduces a failing scenario, `overrides.ts` expresses one on the command line,
 * `report.ts` formats results.
 */
export { hasPassed, runCampaign, type Campaign, type CampaignFailure, type Measured, type RunOne } from './campaign.js';
export { benchScenario } from './bench-scenario.js';
export { generateScenario } from './generate.js';
export { FAULT_KINDS, MODEL_FAULT_KINDS, type FaultKind, type FaultPlan } from './fault-plan.js';
export { MARKS, type Mark } from './marks.js';
export type * from './scenario.js';
export { DEFAULT_FAULT_KINDS, MODELS, type Model } from './model.js';
export {
  applyOverrides,
  faultComplaint,
  modelsOf,
  overridesBetween,
  repeatCommand,
  seedText,
  type Overrides,
} from './overrides.js';
export { campaignDocument, campaignReport, seedDocument, seedReport, type CampaignSummary } from './report.js';
export type { SimFailure, SimResult } from './result.js';
export { runSeed, type RunOptions } from './run.js';
export { shrink, whyNotShrunk, type Shrunk } from './shrink.js';
