export { checkHistory, type CheckOptions, type CheckResult, type Verdict } from './check.js';
export { formatOperation, type Operation } from './operation.js';
export type { Failure } from './explain.js';
