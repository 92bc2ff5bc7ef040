/**
 * Quiescence (s74): an idle group costs no ticks and no messages.
 *
 * A leader goes quiescent when every member's log is level, committed and applied, nothing is pending, and nothing happened
 * for a while; its last heartbeat says so. A follower that has everything then stops its election timer. Any input wakes
 * either. A quiescent leader may have been deposed long ago: it confirms and commits nothing before a quorum answered it.
 */
import type { Core } from './core.js';
import type { Append, Message } from './messages.js';
import type { Leader } from './roles.js';

/** Ends quiescence, if any: the replica ticks again. */
export function wake(core: Core): void {
  const { role } = core;
  switch (role.type) {
    case 'leader':
      role.quietTicks = 0;
      if (!role.quiesced) return;
      role.quiesced = false;
      role.electionElapsed = 0;
      role.heartbeatElapsed = 0;
      // Wakes the followers; activity counts from now on.
      role.roundDue = true;
      for (const peer of role.peers.values()) peer.recentlyActive = false;
      return;
    case 'follower':
      if (!role.quiesced) return;
      role.quiesced = false;
      role.electionElapsed = 0;
      return;
    case 'pre-candidate':
    case 'candidate':
      return;
  }
}

/** Does the message end quiescence? Not if it merely answers or repeats what led to it. */
export function disturbs(core: Core, message: Message): boolean {
  switch (core.role.type) {
    case 'leader':
      if (message.type === 'heartbeat-ok') return message.lastIndex < core.log.lastIndex;
      return message.type !== 'append-ok';
    case 'follower':
      if (message.type === 'append') return !isKnown(core, message);
      return message.type !== 'heartbeat' || !message.quiesce;
    case 'pre-candidate':
    case 'candidate':
      return true;
  }
}

/**
 * From this term's leader, with nothing that is not committed here: a delivery check that was overtaken by the heartbeat
 * which began the quiescence. An active leader also sends heartbeats, which wake the follower.
 */
function isKnown({ log, term }: Core, message: Append): boolean {
  return message.term === term && message.prevIndex + message.entries.length <= log.commit;
}

/** Once a tick of an active leader. */
export function maybeQuiesce(core: Core, leader: Leader): void {
  const { quiesceTicks } = core.options;
  if (quiesceTicks === 0 || ++leader.quietTicks < quiesceTicks || !isLevel(core, leader)) return;
  leader.quiesced = true;
  leader.roundDue = true;
}

function isLevel(core: Core, leader: Leader): boolean {
  const { log } = core;
  if (log.stableIndex !== log.lastIndex || log.commit !== log.lastIndex || log.applied !== log.lastIndex) return false;
  if (!leader.reads.isEmpty || leader.transfer !== undefined) return false;
  for (const peer of leader.peers.values()) {
    if (peer.match !== log.lastIndex || !peer.countsAsActive) return false;
  }
  return true;
}
