/**
 * The table of formats: every number that this build, or another one, writes into bytes that another process or a later
 * start reads, and the feature level since which builds read and write it. `raft/formats.ts` explains the rows, and
 * has the formats of groups and data folders. `docs/formats.md` documents this table; a test keeps both equal.
 *
 * To change a format: assign a new number, never one that was used; write it only where the other side reads it
 * (on links of a version that has it; in logs, snapshots and the topology from a feature level on); and keep the row of
 * the old one for as long as any build may meet it.
 *
 * Fields of documents (topology, status, hello extension, named values of a node) have no numbers: a build ignores
 * fields that it does not know.
 */
import { type Format, RAFT_FORMATS, format, numberWritten, reads, since, unknownNumber } from '../raft/index.js';

/** Formats of data sent over links. */
const LINK_FORMATS = {
  linkVersion: format('link protocol version', 'first byte of a frame; the range stands in hellos', {
    ...since(1, { one: 1 }),
    ...since(2, { two: 2 }),
    ...since(3, { three: 3 }),
  }),
  helloLayout: format('hello layout', 'of the first message on a link, each way', {
    ...since(1, { version: 1 }),
    ...since(2, { range: 2 }),
  }),
  linkMessage: format('link message kind', 'first byte of what is no whole frame, from link version 2 on', {
    ...since(2, { receipt: 240, piece: 241, lastPiece: 242 }),
  }),
  recordKind: format('record kind', 'of each record in a frame; that of a snapshot is that of its rows, too', {
    ...since(1, { append: 1, 'append-ok': 2, 'append-refused': 3, heartbeat: 4, 'heartbeat-ok': 5, vote: 6 }),
    ...since(1, { 'vote-answer': 7, snapshot: 8, 'snapshot-answer': 9, 'timeout-now': 10, 'term-notice': 11 }),
    ...since(2, { marked: 12, release: 13, released: 14 }),
    ...since(1, { request: 32, reply: 33, topology: 34, ping: 35, 'status-request': 36, status: 37 }),
    ...since(2, { position: 38, 'process-question': 39, 'process-answer': 40 }),
    ...since(3, { 'read-index-request': 41, 'read-index': 42 }),
  }),
  operation: format('operation', 'of a request on a link', {
    ...since(1, { put: 1, delete: 2, get: 3 }),
    ...since(3, { program: 4, read: 5, list: 6, transaction: 7 }),
  }),
  listContent: format('list content', 'of a list on a link', {
    ...since(3, { values: 0, keys: 1, count: 2, namespaces: 3 }),
  }),
  listItem: format('list item', 'in the answer to a list', {
    ...since(3, { record: 1, key: 2, deferred: 3, prefix: 4, namespace: 5 }),
  }),
  consistency: format('consistency', 'of a read on a link', since(1, { linearizable: 0, lease: 1, stale: 2 })),
  answer: format('answer', 'of a reply on a link', {
    ...since(1, { put: 1, delete: 2, get: 3, refused: 4 }),
    ...since(3, { program: 5, list: 6 }),
  }),
} as const;

/** Formats of data in logs, snapshots and the states of groups. */
const STATE_FORMATS = {
  featureLevel: format('feature level', 'of a build, in hellos; of a cluster, in its topology', {
    first: { number: 1, read: 1, written: [1, 1] },
    ...since(2, { clusterUid: 2 }),
    ...since(3, { programs: 3 }),
    ...since(4, { conclusions: 4 }),
  }),
  commandLayout: format('command layout', 'first byte of the data of a log entry that writes', {
    ...since(1, { second: 2 }),
    ...since(3, { program: 3 }),
  }),
  commandKind: format('command kind', 'of such a command', {
    ...since(1, { put: 1, delete: 2 }),
    ...since(3, { program: 3, expire: 4, transaction: 5 }),
  }),
  attempt: format('attempt', 'of a write, in its command and in requests', {
    ...since(1, { initial: 0, 'client-keyed': 1, retry: 2 }),
    ...since(3, { keyed: 3, 'keyed-retry': 4 }),
  }),
  condition: format('condition', 'of a write, likewise', since(1, { none: 0, absent: 1, exists: 2, revision: 3 })),
  programLayout: format('program layout', 'first byte of a program, in commands and requests', since(3, { first: 1 })),
  comparison: format('comparison', 'of a program', {
    ...since(3, { absent: 1, exists: 2, revision: 3, version: 4, value: 5, 'unchanged-since': 6 }),
  }),
  step: format('step', 'of a program', {
    ...since(3, { get: 1, put: 2, delete: 3, increment: 4, append: 5, 'merge-patch': 6, 'json-patch': 7, touch: 8 }),
    ...since(3, { 'delete-range': 9, 'namespace-put': 10, 'namespace-delete': 11 }),
  }),
  expiry: format('expiry', 'of a put in a program', since(3, { none: 0, keep: 1, after: 2 })),
  returning: format('returning', 'of a step: which record it answers', {
    ...since(3, { nothing: 0, value: 1, previous: 2 }),
  }),
  stepResult: format('step result', 'in the answer of a program', {
    ...since(3, { get: 1, write: 2, delete: 3, failed: 4, 'delete-range': 5 }),
  }),
  transactionLayout: format('transaction layout', 'first byte of what is said about a transaction over shards', {
    ...since(3, { first: 1 }),
  }),
  transactionPhase: format('transaction phase', 'of a request to a participant', {
    ...since(3, { prepare: 1, decide: 2, inquire: 3, forget: 4 }),
    ...since(4, { several: 5, conclude: 6 }),
  }),
  decision: format('decision', 'on a transaction', since(3, { abort: 0, then: 1, otherwise: 2 })),
  vote: format('vote', 'of a participant', since(3, { yes: 1, no: 2, failed: 3, busy: 4, aborted: 5 })),
  transactionReply: format('transaction reply', 'of a participant', {
    ...since(3, { vote: 1, decided: 2, unknown: 3, replay: 4, open: 5, refused: 6 }),
    ...since(4, { several: 7, 'decided-at': 8 }),
  }),
  transactionState: format('transaction state', 'first byte of the row of a transaction', {
    ...since(3, { prepared: 1, decided: 2 }),
    ...since(4, { decidedAt: 3 }),
  }),
  recordLayout: format('record layout', 'first byte of the row of a key', {
    ...since(1, { first: 1 }),
    ...since(3, { expiring: 2 }),
  }),
  namespaceRow: format('namespace row layout', 'first byte of the row of a namespace', since(3, { first: 1 })),
  deletionPage: format('deletion page layout', 'first byte of a row of deletions', since(4, { first: 1 })),
  answerRow: format('answer row layout', "first byte of a row of programs' answers", since(4, { first: 1 })),
  dedupPage: format('dedup page layout', 'first byte of a row of the dedup table', since(1, { first: 1 })),
  dedupAnswer: format('dedup answer', 'in such a row', {
    ...since(1, { updated: 1, created: 2, deleted: 3, notThere: 4, preconditionFailed: 5 }),
    ...since(3, { program: 6 }),
  }),
  shardMeta: format('shard meta layout', 'first byte of the row of a shard as a whole', {
    ...since(1, { first: 1 }),
    ...since(3, { programs: 2 }),
  }),
  keyTag: format('key tag', 'first byte of an encoded key, and of each value in it', {
    ...since(1, { end: 0x00, undefined: 0x08, null: 0x10, false: 0x18, true: 0x19, number: 0x20, bigint: 0x28 }),
    ...since(1, { date: 0x30, string: 0x40, bytes: 0x50, array: 0x60, object: 0x68, map: 0x70, set: 0x78 }),
    ...since(3, { namespace: 0x04 }),
  }),
} as const;

export const FORMATS = {
  ...RAFT_FORMATS,
  ...LINK_FORMATS,
  ...STATE_FORMATS,
  embeddedConfig: format('cluster.json format', '`format` in cluster.json of an embedded store; none is 1', {
    ...since(1, { first: 1 }),
  }),
} as const;

export type { Format };
export { numberWritten, reads, unknownNumber };

/** The names of a format's numbers, indexed by number. */
export function namesOf<Name extends string>(of: { readonly numbers: Readonly<Record<Name, number>> }): Name[] {
  const names: Name[] = [];
  for (const name of Object.keys(of.numbers) as Name[]) names[of.numbers[name]] = name;
  return names;
}

/** Why a record is refused: this build does not know its kind, or the kind may not occur where it was found. */
export const recordRefusal = (kind: number, linkVersion: number): string =>
  reads(FORMATS.recordKind, kind)
    ? `record kind ${kind} has no place here, on a link of version ${linkVersion}`
    : unknownNumber(FORMATS.recordKind, kind);
