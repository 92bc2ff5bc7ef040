/**
 * Writes under an `If-Match` that lists several revisions: the write happens if the key has one of them.
 *
 * A command names one revision, so the list is tried one by one: if the key has another listed revision than the one
 * tried, the write is proposed again for that one. Each try has an operation id of its own, derived from the write's,
 * so that a client's retry under the same key goes the same way and is answered from the same records.
 */
import { hash64, type Answer, type PlainWrite } from '../../shard/index.js';
import type { Dispatcher, DispatchOptions, DispatchReply } from '../dispatch/index.js';

/** After this many tries, another client keeps writing the listed revisions. */
const MAX_TRIES = 8;

/** @param revisions those listed besides the one in the write's condition */
export function dispatchMatching(
  dispatcher: Dispatcher,
  write: PlainWrite,
  revisions: readonly number[],
  options: DispatchOptions,
  done: (reply: DispatchReply) => void,
): void {
  const endsAt = performance.now() + options.deadlineMs;
  const listed = new Set(revisions);
  if (write.condition.type === 'revision') listed.add(write.condition.revision);
  const attempt = (operation: PlainWrite, tries: number): void => {
    const deadlineMs = Math.max(0, endsAt - performance.now());
    dispatcher.dispatch(operation, { ...options, deadlineMs }, (reply) => {
      const current = currentRevisionIn(reply.answer);
      const tried = operation.condition.type === 'revision' ? operation.condition.revision : undefined;
      if (current === undefined || current === tried || !listed.has(current) || tries >= MAX_TRIES) done(reply);
      else {
        const condition = { type: 'revision', revision: current } as const;
        attempt({ ...write, condition, operationId: derivedId(write.operationId, tries) }, tries + 1);
      }
    });
  };
  attempt(write, 1);
}

function currentRevisionIn(answer: Answer): number | undefined {
  if (answer.type !== 'refused' || answer.code !== 'precondition-failed') return undefined;
  return answer.details.currentRevision;
}

/** Keeps version and time of the UUID, and replaces what is random in it. */
function derivedId(id: Uint8Array, tries: number): Uint8Array {
  const { high, low } = hash64(Buffer.concat([id, Buffer.from([tries])]));
  const derived = Buffer.from(id);
  derived.writeUInt32BE(high, 8);
  derived.writeUInt32BE(low, 12);
  derived[8] = ((derived[8] ?? 0) & 0x3f) | 0x80;
  return derived;
}
