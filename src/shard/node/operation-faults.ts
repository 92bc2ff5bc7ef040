/**
 * Exceptions in one operation's own step of a turn become that operation's answer. Only an exception that shows that this
 * replica can no longer be trusted (a disk that fails, state that cannot be read) ends the node. What `apply` throws
 * always does, and does not pass through here.
 */
import { StorageCorruption, StorageFailure, StorageFull } from '../../raft/index.js';
import { KvorumError } from '../errors.js';
import type { Answer, Refusal } from '../operation.js';
import { refuse } from '../errors.js';
import type { Logger } from '../runtime.js';
import type { Waiter } from './pending.js';
import { stackOf } from '../../thrown.js';

/** Does the error show that this replica's disk or state can no longer be trusted? */
export const isReplicaFault = (error: unknown): error is Error =>
  error instanceof StorageCorruption || error instanceof StorageFailure || error instanceof StorageFull;

/** The answer to an operation of which nothing was proposed. The caller rethrows what concerns the whole replica. */
export function refusalFor(error: unknown, logger: Logger): Refusal {
  if (error instanceof KvorumError) return refuse(error.code, error.message, error.details, 'not_applied');
  if (isReplicaFault(error)) return refuse(error instanceof StorageFull ? 'disk-full' : 'storage-failed');
  logger.error({ error: stackOf(error) }, 'an operation failed');
  return refuse('internal', undefined, {}, 'not_applied');
}

/** Answers each read by what `serve` finds. @throws a replica fault, after every read was answered */
export function serveReads(waiters: readonly Waiter[], serve: (key: Uint8Array) => Answer, logger: Logger): void {
  let fault: Error | undefined;
  for (const waiter of waiters) {
    let answer: Answer;
    try {
      if (fault !== undefined) throw fault;
      answer = serve(waiter.key);
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

/** A listener for answers whose exceptions are logged and end there. */
export function guarded<A extends unknown[]>(listener: (...args: A) => void, logger: Logger): (...args: A) => void {
  return (...args) => {
    try {
      listener(...args);
    } catch (error) {
      logCallbackFault(error, logger);
    }
  };
}
