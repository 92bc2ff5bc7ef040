/** Events in the project's notation (`describe.ts`), one line each, for transcripts. */
import {
  describeConfiguration,
  describeEntry,
  describeEntries,
  describeHardState,
  describeMessage,
  describeNode,
  describePosition,
  EntryKind,
  type Entry,
  type Write,
} from '../../../src/raft/index.js';
import { text } from './entries.js';
import type { ClusterEvent } from './events.js';

/** An entry with its data, which the notation leaves out. */
export function showEntry(entry: Entry): string {
  return entry.kind === EntryKind.command ? `${describeEntry(entry)} ${text(entry.data)}` : describeEntry(entry);
}

function showWrite(write: Write): string {
  const parts: string[] = [];
  if (write.hardState !== undefined) parts.push(describeHardState(write.hardState));
  if (write.chunk !== undefined) {
    const { meta, sequence, done } = write.chunk;
    parts.push(`${done ? 'install' : 'stage'} ${describePosition(meta.index, meta.term)} chunk ${sequence}`);
  }
  if (write.entries.length > 0) parts.push(`entries ${describeEntries(write.entries)}`);
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

export function showEvent(event: ClusterEvent): string {
  switch (event.type) {
    case 'sent':
      return describeMessage(event.message);
    case 'lost':
      return `lost (${event.why}): ${describeMessage(event.message)}`;
    case 'role':
      return `${describeNode(event.node, event.term)} is ${event.role}`;
    case 'written':
      return `n${event.node} write #${event.write.receipt.sequence}: ${showWrite(event.write)}`;
    case 'synced':
      return `n${event.node} fsync #${event.write.receipt.sequence}`;
    case 'applied':
      return `n${event.node} applies ${showEntry(event.entry)}`;
    case 'installed': {
      const { index, term, configuration } = event.meta;
      return `n${event.node} installed ${describePosition(index, term)} ${describeConfiguration(configuration)}`;
    }
    case 'read-confirmed':
      return `n${event.node} read ${event.context} confirmed at ${event.index}`;
    case 'read-answered':
      return `n${event.node} read ${event.context} answered at ${event.index}`;
    case 'read-lost':
      return `n${event.node} read ${event.context} lost`;
    case 'quiet':
      return `n${event.node} ${event.quiesced ? 'falls quiet' : 'wakes'}`;
  }
}
