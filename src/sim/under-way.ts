/**
 * The large messages of consensus that are on their way over one direction of one link, to see that none is sent again
 * while its first copy still travels: a link that carries little would carry less and less of what is new.
 *
 * An empty append may be sent as often as anyone likes: it is a question.
 */
import { describePosition } from '../raft/index.js';
import type { PeerMessage } from '../shard/index.js';

/** What an append or a chunk brings, as a name that another copy of it has too; undefined = nothing that is large. */
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

  /** A message is handed over. Returns what it repeats although that still travels. */
  add(message: PeerMessage): string | undefined {
    const cargo = cargoOf(message);
    if (cargo === undefined) return undefined;
    if (this.#travelling.has(cargo)) return cargo;
    this.#travelling.add(cargo);
    return undefined;
  }

  /** It has arrived. */
  arrived(message: PeerMessage): void {
    const cargo = cargoOf(message);
    if (cargo !== undefined) this.#travelling.delete(cargo);
  }
}
