/**
 * One notation for logs, tests, status and documents: `n1@2` is node 1 in term 2, `8@4` is index 8 of term 4.
 */
import type { Message } from './messages.js';
import type { Ready, Write } from './ready.js';
import type { RaftStatus } from './status.js';
import { EntryKind, NONE, type Configuration, type Entry, type HardState, type NodeId } from './types.js';

/** `n1`, or `nobody`. */
export function describeId(id: NodeId): string {
  return id === NONE ? 'nobody' : `n${id}`;
}

/** `n1@2`: node 1 in term 2. */
export function describeNode(id: NodeId, term: number): string {
  return `${describeId(id)}@${term}`;
}

/** `8@4`: index 8 of term 4. */
export function describePosition(index: number, term: number): string {
  return `${index}@${term}`;
}

/** `8@4`, `8@4 noop`, `8@4 configuration`. */
export function describeEntry(entry: Entry): string {
  const position = describePosition(entry.index, entry.term);
  switch (entry.kind) {
    case EntryKind.command:
      return position;
    case EntryKind.noop:
      return `${position} noop`;
    case EntryKind.configuration:
      return `${position} configuration`;
  }
}

/** `[8@4 noop, 9@4]`; from five on `[8@4 … 99@4, 92 entries]`. */
export function describeEntries(entries: readonly Entry[]): string {
  const [first, last] = [entries.at(0), entries.at(-1)];
  if (first === undefined || last === undefined) return '[]';
  if (entries.length <= 4) return `[${entries.map(describeEntry).join(', ')}]`;
  return `[${describeEntry(first)} … ${describeEntry(last)}, ${entries.length} entries]`;
}

/** `{1 2 3}`, `{1 2 3} from {1 2}` in joint consensus, `{1 2} learners {3}`. */
export function describeConfiguration(configuration: Configuration): string {
  const set = (ids: readonly NodeId[]): string => `{${ids.join(' ')}}`;
  let text = set(configuration.voters);
  if (configuration.votersOutgoing.length > 0) text += ` from ${set(configuration.votersOutgoing)}`;
  if (configuration.learners.length > 0) text += ` learners ${set(configuration.learners)}`;
  return text;
}

/** `n1@2 -> n3 append after 7@1 [8@2] commit 7`. */
export function describeMessage(message: Message): string {
  return `${describeNode(message.from, message.term)} -> ${describeId(message.to)} ${describeContent(message)}`;
}

function describeContent(message: Message): string {
  switch (message.type) {
    case 'append': {
      const { prevIndex, prevTerm, entries, commit } = message;
      return `append after ${describePosition(prevIndex, prevTerm)} ${describeEntries(entries)} commit ${commit}`;
    }
    case 'append-ok':
      return `append-ok ${message.index}${mark(message)}`;
    case 'append-refused': {
      const hint = describePosition(message.hintIndex, message.hintTerm);
      return `append-refused after ${message.rejectedIndex} hint ${hint} last ${message.lastIndex}`;
    }
    case 'heartbeat': {
      const read = message.readContext > 0 ? ` read ${message.readContext}` : '';
      const { release } = message;
      const end = release === undefined ? '' : ` ends quarantine ${release.boot} at ${release.index}`;
      return `heartbeat commit ${message.commit}${read}${message.quiesce ? ' quiesce' : ''}${end}`;
    }
    case 'heartbeat-ok': {
      const read = message.readContext > 0 ? ` read ${message.readContext}` : '';
      const end = message.released === undefined ? '' : ` out of quarantine ${message.released}`;
      return `heartbeat-ok last ${message.lastIndex}${read}${mark(message)}${end}`;
    }
    case 'vote': {
      const last = describePosition(message.lastIndex, message.lastTerm);
      return `${message.preVote ? 'pre-vote' : 'vote'}${message.forced ? ' forced' : ''} last ${last}`;
    }
    case 'vote-answer':
      return `${message.preVote ? 'pre-vote' : 'vote'} ${message.granted ? 'granted' : 'refused'}`;
    case 'snapshot': {
      const end = describePosition(message.meta.index, message.meta.term);
      return `snapshot ${end} chunk ${message.sequence}${message.done ? ' done' : ''} ${message.data.length} bytes`;
    }
    case 'snapshot-answer':
      return `snapshot-answer ${message.index} ${message.wanted === -1 ? 'complete' : `wants ${message.wanted}`}${mark(message)}`;
    case 'timeout-now':
    case 'term-notice':
      return message.type;
  }
}

const mark = ({ quarantine }: { readonly quarantine?: number }): string =>
  quarantine === undefined ? '' : ` in quarantine ${quarantine}`;

/** `term 2 vote n1 commit 7`. */
export function describeHardState({ term, vote, commit }: HardState): string {
  return `term ${term} vote ${describeId(vote)} commit ${commit}`;
}

function describeWrite(write: Write): string[] {
  const parts: string[] = [];
  if (write.hardState !== undefined) parts.push(describeHardState(write.hardState));
  if (write.entries.length > 0) parts.push(`entries ${describeEntries(write.entries)}`);
  if (write.chunk !== undefined) {
    const { meta, sequence, done } = write.chunk;
    parts.push(`${done ? 'install' : 'stage'} ${describePosition(meta.index, meta.term)} chunk ${sequence}`);
  }
  return [
    `write #${write.receipt.sequence}: ${parts.length === 0 ? 'nothing' : parts.join(', ')}`,
    ...write.messages.map((message) => `then send ${describeMessage(message)}`),
  ];
}

/** One line for each thing to do, in the order in which it is to be done; empty when there is nothing. */
export function describeReady(ready: Ready): string[] {
  const lines = ready.messages.map((message) => `send ${describeMessage(message)}`);
  if (ready.write !== undefined) lines.push(...describeWrite(ready.write));
  if (ready.committed.length > 0) lines.push(`apply ${describeEntries(ready.committed)}`);
  for (const { context, index } of ready.reads) lines.push(`read ${context} confirmed at ${index}`);
  if (ready.readsLost.length > 0) lines.push(`reads lost ${ready.readsLost.join(' ')}`);
  for (const { to, sequence } of ready.chunksWanted) lines.push(`wants chunk ${sequence} for ${describeId(to)}`);
  return lines;
}

/** `n1@2 leader, log 3..9 stable 9 commit 8 applied 8; n2 replicate match 8 next 10; …` */
export function describeStatus(status: RaftStatus): string {
  const { id, role, term, vote, leader, firstIndex, lastIndex, stableIndex, commit, applied, quiesced } = status;
  let text = `${describeNode(id, term)} ${role}`;
  if (role !== 'leader') text += ` of ${describeId(leader)} vote ${describeId(vote)}`;
  text += `, log ${firstIndex}..${lastIndex} stable ${stableIndex} commit ${commit} applied ${applied}`;
  if (quiesced) text += ', quiet';
  if (status.quarantine !== undefined) text += `, in quarantine ${status.quarantine}`;
  for (const peer of status.peers) {
    text += `; ${describeId(peer.id)} ${peer.state} match ${peer.match} next ${peer.next}`;
    if (!peer.recentlyActive) text += ' silent';
    if (peer.quarantined === true) text += ' in quarantine';
  }
  return text;
}
