/** What answers of data routes look like, for `/openapi.json`. Answers are written by hand; a test compares. */
import { z } from 'zod';

const whole = z.int().min(0);
const int64 = z.bigint().meta({ description: 'exact: may be beyond 2^53' });
const time = z.iso.datetime().meta({ description: 'RFC 3339, in UTC with milliseconds' });

export const recordAnswer = z.object({
  key: z.unknown().optional(),
  key_type: z.enum(['json', 'base64url']).optional(),
  value: z.unknown().meta({ description: 'of application/json, as it was stored' }).optional(),
  value_base64: z.string().meta({ description: 'of any other type' }).optional(),
  content_type: z.string(),
  revision: whole,
  create_revision: whole,
  version: whole,
  expires_at: time.optional(),
  shard: whole,
});

export const writtenAnswer = z.object({
  revision: whole,
  version: whole.optional(),
  created: z.boolean().optional(),
  value: int64.optional(),
  applied: int64.optional(),
  results_omitted: z.literal(true).optional(),
});

export const deletedAnswer = z.object({ deleted: z.boolean(), revision: whole });

const failure = z.object({
  detail: z.string(),
  code: z.string(),
  outcome: z.enum(['not_applied', 'unknown']),
  retryable: z.boolean(),
  retry_after_ms: whole.optional(),
  shard: whole.optional(),
  term: whole.optional(),
  leader_hint: whole.optional(),
  limit: whole.optional(),
  field: z.string().optional(),
  current_revision: whole.optional(),
  position: whole.optional(),
  idempotency_key: z.uuid().optional(),
});

export const problemAnswer = failure.extend({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  request_id: z.string(),
});

/** Of one operation: what its own request would have been answered, with the status. */
export const resultAnswer = z.object({
  ...recordAnswer.partial().shape,
  ...writtenAnswer.partial().shape,
  ...deletedAnswer.partial().shape,
  ...failure.partial().shape,
  value: z.unknown().optional(),
  status: z.int(),
  record: recordAnswer.optional(),
  record_omitted: z.literal(true).optional(),
});

export const batchAnswer = z.object({ results: z.array(resultAnswer) });

export const transactionAnswer = z.object({
  succeeded: z.boolean(),
  results: z.array(resultAnswer).optional(),
  results_omitted: z.literal(true).optional(),
  revisions: z.record(z.string(), whole),
});
