/**
 * Turns an exception in one operation's own step of a turn into that operation's answer. Only an exception that shows
 * that this replica can no longer be trusted (a failing disk, unreadable state) ends the node. An exception in `apply`
 * always does, and is not handled here.
 */
import { StorageCorruption, StorageFailure, StorageFull } from '../../raft/index.js';
import { KvorumError } from '../errors.js';
import type { Answer, KvRead, Refusal } from '../operation.js';
import { refuse } from '../errors.js';
import type { Logger } from '../runtime.js';
import type { Waiter } from './pending.js';
import { stackOf } from '../../thrown.js';

/** Whether the error shows that this replica's disk or state can no longer be trusted. */
export const isReplicaFault = (error: unknown): error is Error =>
  error instanceof StorageCorruption || error instanceof StorageFailure || error instanceof StorageFull;

/** The answer to an operation that was not proposed. The caller rethrows errors that concern the whole replica. */
export function refusalFor(error: unknown, logger: Logger): Refusal {
  if (error instanceof KvorumError) return refuse(error.code, error.message, error.details, 'not_applied');
  if (isReplicaFault(error)) return refuse(error instanceof StorageFull ? 'disk-full' : 'storage-failed');
  logger.error({ error: stackOf(error) }, 'an operation failed');
  return refuse('internal', undefined, {}, 'not_applied');
}

/** Answers each read with the result of `serve`. @throws a replica fault, after every read was answered */
export function serveReads(waiters: readonly Waiter[], serve: (read: KvRead) => Answer, logger: Logger): void {
  let fault: Error | undefined;
  for (const waiter of waiters) {
    let answer: Answer;
    try {
      if (fault !== undefined) throw fault;
      if (waiter.read === undefined) throw new Error('a write waits among the reads');
      answer = serve(waiter.read);
    } catch (error) {
      answer = refusalFor(error, logger);
      if (isReplicaFault(error)) fault = error;
    }
    waiter.done(answer);
  }
  if (fault !== undefined) throw fault;
}

export function logCallbackFault(error: unknown, logger: Logger): void {
  logger.error({ error: stackOf(error) }, 'a callback for answers failed');
}

/** Wraps a listener for answers: its exceptions are logged and not propagated. */
export function guarded<A extends unknown[]>(listener: (...args: A) => void, logger: Logger): (...args: A) => void {
  return (...args) => {
    try {
      listener(...args);
    } catch (error) {
      logCallbackFault(error, logger);
    }
  };
}
