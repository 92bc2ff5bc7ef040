/**
 * A leader's snapshots: when a member needs entries that are compacted away, it gets the state instead (§7, s62).
 *
 * The owner supplies the chunks: the core asks (`chunksWanted`), the owner offers, the member answers. Knows nothing
 * of what a chunk holds.
 */
import type { Core } from './core.js';
import type { SnapshotAnswer } from './messages.js';
import type { Progress } from './progress.js';
import type { Leader } from './roles.js';
import type { OutgoingChunk, TransferStep } from './snapshot-transfer.js';

/** A member that answers nothing gets none: somebody would have to hold it open. */
export function startSnapshot(core: Core, peer: Progress): void {
  if (!peer.recentlyActive) return;
  peer.startSnapshot();
  core.outbox.wantChunk({ to: peer.id, sequence: 0 });
}

export function offerChunk(core: Core, peer: Progress, chunk: OutgoingChunk): void {
  const { transfer } = peer;
  if (transfer === undefined) return;
  // One that ends before the log begins would leave a gap: wait for a newer one.
  if (chunk.meta.index < core.log.snapshotIndex && chunk.sequence === 0) transfer.unavailable();
  else take(core, peer, transfer.offer(chunk));
}

function take(core: Core, peer: Progress, step: TransferStep): void {
  if (step === 'nothing') return;
  if (step === 'ask-owner') core.outbox.wantChunk({ to: peer.id, sequence: peer.transfer?.sequence ?? 0 });
  else core.outbox.send({ type: 'snapshot', from: core.id, to: peer.id, term: core.term, ...step });
}

export function receiveSnapshotAnswer(core: Core, leader: Leader, peer: Progress, message: SnapshotAnswer): void {
  const { transfer } = peer;
  if (transfer?.meta?.index !== message.index) return;
  if (message.wanted === -1) {
    peer.snapshotInstalled(message.index);
    if (peer.next <= core.log.lastIndex) leader.appendsDue = true;
  } else take(core, peer, transfer.answered(message.wanted));
}

export function tickSnapshots(core: Core, leader: Leader): void {
  const timeouts = { retryTicks: core.options.heartbeatTicks, askTicks: core.options.electionTicks };
  for (const peer of leader.peers.values()) {
    if (peer.transfer !== undefined) take(core, peer, peer.transfer.tick(timeouts, peer.recentlyActive));
  }
}
