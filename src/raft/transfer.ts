/**
 * The moment of a leadership transfer (thesis §3.10): once the target's log is level, it is told to stand at once.
 */
import type { Core } from './core.js';
import type { Progress } from './progress.js';
import type { Leader } from './roles.js';

/** If leadership goes to `peer` and its log is level, tells it so; said again harmlessly, as long as the term lasts. */
export function askToTakeOver(core: Core, leader: Leader, peer: Progress): void {
  if (leader.transfer?.to !== peer.id || peer.match !== core.log.lastIndex) return;
  core.outbox.send({ type: 'timeout-now', from: core.id, to: peer.id, term: core.term });
}
