import { expect, it } from 'vitest';
import { ERRORS } from '../src/shard/errors.js';

it('every error says whether the write happened', () => {
  for (const row of Object.values(ERRORS)) expect(['not_applied', 'unknown']).toContain(row.outcome);
});
