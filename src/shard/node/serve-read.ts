/** Answers reads from the state as it is. */
import { refuse } from '../errors.js';
import { isInNamespace } from '../namespace.js';
import type { Machine } from '../machine/index.js';
import type { Answer, KvRead } from '../operation.js';
import type { ListSessions } from './list-sessions.js';

/** @param revision the applied index */
export function serveRead(machine: Machine, read: KvRead, revision: number, sessions: ListSessions): Answer {
  switch (read.type) {
    case 'get':
      if (isMissing(machine, read.key)) return refuse('namespace-not-found');
      return { type: 'get', record: machine.get(read.key), revision };
    case 'list':
      if (read.content !== 'namespaces' && isMissing(machine, read.from)) return refuse('namespace-not-found');
      if (read.view !== undefined) return sessions.serve(read, read.view, revision);
      return { type: 'list', revision, ...machine.list(read) };
    case 'read':
      return { type: 'program', revision, outcome: machine.read(read.body, revision), replayed: false };
  }
}

/** Whether the key is in a namespace that does not exist. */
const isMissing = (machine: Machine, key: Uint8Array): boolean =>
  isInNamespace(key) && machine.hasNamespace?.(key) !== true;
