/**
 * The large consensus messages on their way over one direction of one link, to detect that one is sent again while its
 * first copy still travels: on a narrow link repeats leave less and less room for new messages.
 *
 * An empty append may be repeated at any time: it is a probe.
 */
import { describePosition } from '../raft/index.js';
import type { PeerMessage } from '../shard/index.js';

/** Identifies the content of an append or a chunk, equally for every copy of it; undefined = nothing large. */
export function cargoOf(message: PeerMessage): string | undefined {
  if (message.type !== 'raft') return undefined;
  const { group, message: raft } = message;
  if (raft.type === 'append' && raft.entries.length > 0) {
    const last = raft.entries.at(-1);
    const to = last === undefined ? '' : describePosition(last.index, last.term);
    return `g${group} term ${raft.term}: entries ${raft.prevIndex + 1} to ${to}`;
  }
  if (raft.type === 'snapshot' && raft.data.length > 0) {
    return `g${group} term ${raft.term}: chunk ${raft.sequence} of the snapshot at ${raft.meta.index}`;
  }
  return undefined;
}

export class UnderWay {
  readonly #travelling = new Set<string>();

  /** A message is sent. Returns its content if an earlier copy is still on its way. */
  add(message: PeerMessage): string | undefined {
    const cargo = cargoOf(message);
    if (cargo === undefined) return undefined;
    if (this.#travelling.has(cargo)) return cargo;
    this.#travelling.add(cargo);
    return undefined;
  }

  /** The message has arrived. */
  arrived(message: PeerMessage): void {
    const cargo = cargoOf(message);
    if (cargo !== undefined) this.#travelling.delete(cargo);
  }
}
