/** The project's notation (`describe.ts`) for what a transcript shows, one line each. */
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

/** With what is in it, which the notation leaves out. */
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

export function showEvent(happening: ClusterEvent): string {
  switch (happening.type) {
    case 'sent':
      return describeMessage(happening.message);
    case 'lost':
      return `lost (${happening.why}): ${describeMessage(happening.message)}`;
    case 'role':
      return `${describeNode(happening.node, happening.term)} is ${happening.role}`;
    case 'written':
      return `n${happening.node} write #${happening.write.receipt.sequence}: ${showWrite(happening.write)}`;
    case 'synced':
      return `n${happening.node} fsync #${happening.write.receipt.sequence}`;
    case 'applied':
      return `n${happening.node} applies ${showEntry(happening.entry)}`;
    case 'installed': {
      const { index, term, configuration } = happening.meta;
      return `n${happening.node} installed ${describePosition(index, term)} ${describeConfiguration(configuration)}`;
    }
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
