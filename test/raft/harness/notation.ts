/** The project's notation for what a transcript shows, one line each. */
import {
  EntryKind,
  type Configuration,
  type Entry,
  type Message,
  type RaftStatus,
  type Write,
} from '../../../src/raft/index.js';
import { text } from './entries.js';
import type { Happening } from './happening.js';

const at = (index: number, term: number): string => `${index}@${term}`;

export function showEntry(entry: Entry): string {
  if (entry.kind === EntryKind.noop) return `${at(entry.index, entry.term)} noop`;
  if (entry.kind === EntryKind.configuration) return `${at(entry.index, entry.term)} configuration`;
  return `${at(entry.index, entry.term)} ${text(entry.data)}`;
}

const showEntries = (entries: readonly Entry[]): string => `[${entries.map(showEntry).join(', ')}]`;

export function showMessage(message: Message): string {
  const head = `n${message.from}>n${message.to} ${message.type}@${message.term}`;
  switch (message.type) {
    case 'append':
      return `${head} after=${at(message.prevIndex, message.prevTerm)} ${showEntries(message.entries)} commit=${message.commit}`;
    case 'append-ok':
      return `${head} index=${message.index}`;
    case 'append-refused':
      return `${head} rejected=${message.rejectedIndex} hint=${at(message.hintIndex, message.hintTerm)} last=${message.lastIndex}`;
    case 'heartbeat':
      return `${head} commit=${message.commit}${message.readContext > 0 ? ` read=${message.readContext}` : ''}${message.quiesce ? ' quiesce' : ''}`;
    case 'heartbeat-ok':
      return `${head} last=${message.lastIndex}${message.readContext > 0 ? ` read=${message.readContext}` : ''}`;
    case 'vote':
      return `n${message.from}>n${message.to} ${message.preVote ? 'pre-vote' : 'vote'}@${message.term} last=${at(message.lastIndex, message.lastTerm)}${message.forced ? ' forced' : ''}`;
    case 'vote-answer':
      return `n${message.from}>n${message.to} ${message.preVote ? 'pre-vote' : 'vote'}-${message.granted ? 'granted' : 'denied'}@${message.term}`;
    case 'snapshot':
      return `${head} of=${at(message.meta.index, message.meta.term)} chunk=${message.sequence}${message.done ? ' done' : ''}`;
    case 'snapshot-answer':
      return `${head} of=${message.index} ${message.wanted === -1 ? 'has it' : `wants=${message.wanted}`}`;
    case 'timeout-now':
    case 'term-notice':
      return head;
  }
}

export function showWrite(write: Write): string {
  const parts: string[] = [];
  if (write.hardState !== undefined) {
    const { term, vote, commit } = write.hardState;
    parts.push(`term=${term} vote=${vote === 0 ? 'none' : `n${vote}`} commit=${commit}`);
  }
  if (write.chunk !== undefined) {
    const { meta, sequence, done } = write.chunk;
    parts.push(`snapshot of=${at(meta.index, meta.term)} chunk=${sequence}${done ? ' done' : ''}`);
  }
  if (write.entries.length > 0) parts.push(showEntries(write.entries));
  return parts.join(' ');
}

export function showConfiguration({ voters, learners }: Configuration): string {
  return `voters=${voters.join(',')}${learners.length > 0 ? ` learners=${learners.join(',')}` : ''}`;
}

export function showStatus(status: RaftStatus): string {
  const { id, role, term, vote, leader, commit, applied, firstIndex, lastIndex, stableIndex } = status;
  const name = (node: number): string => (node === 0 ? 'none' : `n${node}`);
  return (
    `n${id}@${term} ${role} vote=${name(vote)} leader=${name(leader)} ` +
    `log=${firstIndex}..${lastIndex} stable=${stableIndex} commit=${commit} applied=${applied}${status.quiesced ? ' quiet' : ''}`
  );
}

export function showHappening(happening: Happening): string {
  switch (happening.type) {
    case 'sent':
      return showMessage(happening.message);
    case 'lost':
      return `lost (${happening.why}): ${showMessage(happening.message)}`;
    case 'role':
      return `n${happening.node}@${happening.term} ${happening.role}`;
    case 'written':
      return `n${happening.node} writes #${happening.write.receipt.sequence} ${showWrite(happening.write)}`.trimEnd();
    case 'synced':
      return `n${happening.node} fsync #${happening.write.receipt.sequence}`;
    case 'applied':
      return `n${happening.node} applies ${showEntry(happening.entry)}`;
    case 'installed':
      return `n${happening.node} installs ${at(happening.meta.index, happening.meta.term)} ${showConfiguration(happening.meta.configuration)}`;
    case 'read-confirmed':
      return `n${happening.node} read ${happening.context} confirmed at ${happening.index}`;
    case 'read-answered':
      return `n${happening.node} read ${happening.context} answered at ${happening.index}`;
    case 'read-lost':
      return `n${happening.node} read ${happening.context} lost`;
    case 'quiet':
      return `n${happening.node} ${happening.quiesced ? 'falls quiet' : 'wakes'}`;
  }
}
