/** What clients of transactions over shards are answered under ids of their own, as the dedup table of a shard keeps it. */
import { refuse } from '../errors.js';
import type { Refusal } from '../operation.js';
import { encodeOutcome } from '../program-codec.js';
import type { ProgramOutcome } from '../program.js';
import { withRevision, type ClientId, type SingleReply } from '../transaction.js';
import type { Dedup, FoundEntry } from './dedup.js';

interface Kept {
  readonly kept: ProgramOutcome | Refusal;
  /** What is left of it where it is too long. */
  readonly shortened: (answer: Uint8Array) => Uint8Array;
  /** Of the entry that keeps it. */
  readonly index: number;
  readonly clockMs: number;
}

/** Keeps what a replay of the client's request is answered. What was kept before stays. */
export function keepAnswer(dedup: Dedup, client: ClientId, { kept, shortened, index, clockMs }: Kept): void {
  if (dedup.find(client.id, 0, 'keyed') !== undefined) return;
  const answer = encodeOutcome(
    'code' in kept ? kept : { ...kept, results: kept.results.map((result) => withRevision(result, index)) },
  );
  const entry = { revision: index, ...fingerprintOf(client) };
  const inserted = { attempt: 'keyed', clockMs, entry } as const;
  dedup.insertProgram(client.id, 0, inserted, answer, () => shortened(answer));
}

export function replayOf(known: FoundEntry, client: ClientId): SingleReply {
  const { fingerprintHigh, fingerprintLow } = fingerprintOf(client);
  const isSame = known.fingerprintHigh === fingerprintHigh && known.fingerprintLow === fingerprintLow;
  if (!isSame || known.answer === undefined) return refuse('idempotency-key-reused');
  return { type: 'replay', outcome: known.answer };
}

/** The same was kept before. */
export const isReplayOf = (reply: SingleReply, outcome: Uint8Array): boolean =>
  reply.type === 'replay' && Buffer.compare(reply.outcome, outcome) === 0;

function fingerprintOf({ fingerprint }: ClientId): { fingerprintHigh: number; fingerprintLow: number } {
  const view = new DataView(fingerprint.buffer, fingerprint.byteOffset, fingerprint.byteLength);
  return { fingerprintHigh: view.getUint32(0), fingerprintLow: view.getUint32(4) };
}
