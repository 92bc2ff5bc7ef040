/**
 * The receiving side of a snapshot: chunks in order, staged by the owner; the last one replaces the log (§7).
 *
 * - A snapshot that ends at or below the commit index, or at an entry of the log, replaces nothing (s63).
 * - The last chunk is acknowledged only once the installed snapshot is durable.
 */
import type { Core } from './core.js';
import type { SnapshotAnswer, SnapshotChunk } from './messages.js';
import { THIS_WRITE } from './outbox.js';
import { marked } from './quarantine.js';
import { OPENING_MESSAGES } from './snapshot-sender.js';
import type { Follower } from './roles.js';

export function receiveChunk(core: Core, follower: Follower, message: SnapshotChunk): void {
  const { log, outbox } = core;
  const { meta, sequence, data, done } = message;
  if (meta.index <= log.commit || log.termAt(meta.index) === meta.term) {
    log.commitTo(meta.index);
    follower.matched = Math.max(follower.matched, log.commit);
    core.incoming = undefined;
    answer(core, message, -1, meta.index);
    return;
  }
  // The answer to the pending chunk requests the next one.
  if (outbox.hasChunk) return;
  if (sequence === 0) core.incoming = { meta, next: 0 };
  const { incoming } = core;
  // A check repeats the number of the chunk before: never a chunk, also where duplicates have made it the next one.
  const isCheck = sequence >= OPENING_MESSAGES && data.length === 0 && !done;
  const isBehind = incoming === undefined || sequence > incoming.next || (isCheck && sequence === incoming.next);
  if (isBehind || incoming.meta.index !== meta.index || incoming.meta.term !== meta.term) {
    core.incoming = undefined;
    answer(core, message, 0, 0);
    return;
  }
  if (sequence < incoming.next) {
    answer(core, message, incoming.next, 0);
    return;
  }
  incoming.next++;
  outbox.stage({ meta, sequence, data, done });
  if (done) {
    log.restore(meta);
    core.configuration = meta.configuration;
    follower.matched = meta.index;
    core.incoming = undefined;
  }
  answer(core, message, done ? -1 : incoming.next, THIS_WRITE);
}

function answer(core: Core, message: SnapshotChunk, wanted: number, needsIndex: number): void {
  const { index } = message.meta;
  const answered: SnapshotAnswer = {
    type: 'snapshot-answer',
    from: core.id,
    to: message.from,
    term: core.term,
    index,
    wanted,
  };
  core.outbox.hold(marked(core, answered), needsIndex);
}
