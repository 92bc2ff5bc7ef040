/**
 * Finds the leader of a shard, asks it, and retries where that is safe. The simulator and the embedded store use
 * nothing else of the router.
 */
export { AnswerBudget, askWithinBytes, mostAnswered, type FittedResult } from './answer-budget.js';
export { runBatch, type BatchGroup, type BatchRequest } from './batch.js';
export type { Backend, ServingState } from './backend.js';
export type { DispatchReply, CallTrace } from './call.js';
export { Coordinator } from './coordinator.js';
export { deleteRange, type Deleted, type RangeDeletion } from './delete-range.js';
export { Dispatcher, type DispatchOptions } from './dispatcher.js';
export {
  askWithin,
  countKeys,
  isEmptyRange,
  MAX_PAGE_BYTES,
  MAX_PAGE_ROWS,
  readPage,
  type AskShard,
  type Count,
  type KeyRange,
  type ListFailure,
  type ListSource,
  type Page,
  type PageItem,
  type PageQuery,
} from './list-page.js';
export { dropNamespace } from './drop-namespace.js';
export { NodeBackend } from './node-backend.js';
export { derivedId, identityUnder, newOperationId, type Identity } from './operation-ids.js';
export { RemoteBackend } from './remote-backend.js';
export {
  missingNamespace,
  runTransaction,
  withPlace,
  type Execute,
  type TransactionReply,
  type TransactionRequest,
} from './transactions.js';
