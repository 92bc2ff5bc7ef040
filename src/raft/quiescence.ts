/**
 * Falling quiet and waking (s74): an idle group costs no tick and no message.
 *
 * A leader falls quiet when every member's log is level, committed and applied, nothing waits, and nothing happened
 * for a while; it says so in a last heartbeat. A follower that has everything then stops its election clock. Anything
 * that happens wakes either. A quiet leader may long have been deposed: it does nothing before it has heard a quorum.
 */
import type { Core } from './core.js';
import type { Append, Message } from './messages.js';
import type { Leader } from './roles.js';

/** Something happens: the clock of the group runs again. */
export function wake(core: Core): void {
  const { role } = core;
  switch (role.type) {
    case 'leader':
      role.quietTicks = 0;
      if (!role.quiesced) return;
      role.quiesced = false;
      role.electionElapsed = 0;
      role.heartbeatElapsed = 0;
      // Wakes the followers; who is heard from counts from now on.
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

/** Is the message more than an echo of the quiet? */
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
 * Of the leader in office, and nothing that is not committed here: a question that the heartbeat which brought the quiet
 * has overtaken. A leader that is awake sends heartbeats as well.
 */
function isKnown({ log, term }: Core, message: Append): boolean {
  return message.term === term && message.prevIndex + message.entries.length <= log.commit;
}

export function quietDown(core: Core, leader: Leader): void {
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
    if (peer.match !== log.lastIndex || !peer.isActiveVoice) return false;
  }
  return true;
}
