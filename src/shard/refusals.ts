/** Makes a `Refusal` from a row of the error table. */
import { ERRORS, type ErrorCode, type ErrorDetails, type Outcome } from './errors.js';
import type { Refusal } from './operation.js';

export function refuse(code: ErrorCode, message?: string, details: ErrorDetails = {}, outcome?: Outcome): Refusal {
  const row = ERRORS[code];
  return { type: 'refused', code, outcome: outcome ?? row.outcome, message: message ?? row.meaning, details };
}
