/** Events of a test cluster, as values: transcripts print them, unit tests search for them. */
import type { Entry, Message, NodeId, Role, SnapshotMeta, Write } from '../../../src/raft/index.js';

export type ClusterEvent =
  | { readonly type: 'sent'; readonly message: Message }
  | { readonly type: 'lost'; readonly message: Message; readonly why: 'cut' | 'down' | 'dropped' }
  | { readonly type: 'role'; readonly node: NodeId; readonly role: Role; readonly term: number }
  | { readonly type: 'written'; readonly node: NodeId; readonly write: Write }
  | { readonly type: 'synced'; readonly node: NodeId; readonly write: Write }
  | { readonly type: 'applied'; readonly node: NodeId; readonly entry: Entry }
  | { readonly type: 'installed'; readonly node: NodeId; readonly meta: SnapshotMeta }
  | {
      readonly type: 'read-confirmed';
      readonly node: NodeId;
      readonly context: number;
      readonly index: number;
      readonly promiseMs: number | undefined;
    }
  | { readonly type: 'read-answered'; readonly node: NodeId; readonly context: number; readonly index: number }
  | { readonly type: 'read-lost'; readonly node: NodeId; readonly context: number }
  | { readonly type: 'quiet'; readonly node: NodeId; readonly quiesced: boolean };
