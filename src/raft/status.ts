/**
 * A replica's status, as data.
 */
import type { Core } from './core.js';
import type { PeerStatus, RaftStatus } from './results.js';

export function statusOf(core: Core, quiesced: boolean): RaftStatus {
  const { id, role, term, vote, leader, log, configuration, quarantine } = core;
  const { commit, applied, firstIndex, lastIndex, stableIndex } = log;
  const peers: PeerStatus[] = [];
  if (role.type === 'leader') {
    for (const peer of role.peers.values()) {
      const { match, next, state, recentlyActive } = peer;
      const status: PeerStatus = { id: peer.id, match, next, state, recentlyActive };
      peers.push(peer.quarantine === undefined ? status : { ...status, quarantined: true });
    }
  }
  const status: RaftStatus = {
    id,
    role: role.type,
    term,
    vote,
    leader,
    commit,
    applied,
    firstIndex,
    lastIndex,
    stableIndex,
    quiesced,
    configuration,
    peers,
  };
  return quarantine === undefined ? status : { ...status, quarantine: quarantine.life };
}
