/**
 * Writes under an `If-Match` that lists several revisions: the write happens if the key has one of them.
 *
 * A command names one revision, so the list is tried one by one: if the key has another listed revision than the one
 * tried, the write is proposed again for that one. Each try has an operation id of its own, derived from the write's,
 * so that a client's retry under the same key goes the same way and is answered from the same records.
 */
import { decodeOutcome, type Answer, type Condition, type KvWrite } from '../../shard/index.js';
import { derivedId, type Dispatcher, type DispatchOptions, type DispatchReply } from '../dispatch/index.js';

/** After this many tries, another client keeps writing the listed revisions. */
const MAX_TRIES = 8;

export interface Match {
  /** Those listed, the one in the write's condition first. */
  readonly revisions: readonly number[];
  /** The same write for another revision, under another id. */
  readonly again: (condition: Condition, operationId: Uint8Array) => KvWrite;
}

export function dispatchMatching(
  dispatcher: Dispatcher,
  write: KvWrite,
  { revisions, again }: Match,
  options: DispatchOptions,
  done: (reply: DispatchReply) => void,
): void {
  const endsAt = performance.now() + options.deadlineMs;
  const listed = new Set(revisions);
  const attempt = (operation: KvWrite, tried: number | undefined, tries: number): void => {
    const deadlineMs = Math.max(0, endsAt - performance.now());
    dispatcher.dispatch(operation, { ...options, deadlineMs }, (reply) => {
      const current = currentRevisionIn(reply.answer);
      if (current === undefined || current === tried || !listed.has(current) || tries >= MAX_TRIES) done(reply);
      else {
        const condition = { type: 'revision', revision: current } as const;
        attempt(again(condition, derivedId(write.operationId, Buffer.from([tries]))), current, tries + 1);
      }
    });
  };
  attempt(write, revisions[0], 1);
}

function currentRevisionIn(answer: Answer): number | undefined {
  const refusal = answer.type === 'program' ? decodeOutcome(answer.outcome) : answer;
  if (!('code' in refusal) || refusal.code !== 'precondition-failed') return undefined;
  return refusal.details.currentRevision;
}
