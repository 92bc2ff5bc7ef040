/** The row of a transaction over several shards: prepared, with all that applying the decision needs; or decided. */
import { StorageCorruption } from '../../raft/index.js';
import { borrowWriter, ByteReader, finish } from '../byte-buffer.js';
import { FORMATS, namesOf, reads, unknownNumber } from '../formats.js';
import { decodeTransaction, decodeTransactionReply, encodeTransactionReply } from '../transaction-codec.js';
import type { Decision, Prepare, Vote } from '../transaction.js';

const { prepared: PREPARED, decided: DECIDED, decidedAt: DECIDED_AT } = FORMATS.transactionState.numbers;
const DECISION_NAMES = namesOf(FORMATS.decision);

export interface Prepared {
  readonly type: 'prepared';
  readonly message: Prepare;
  /** The message as its entry has it. */
  readonly body: Uint8Array;
  /** Replicated time of its entry. */
  readonly clockMs: number;
  readonly vote: Vote;
}

export interface Decided {
  readonly type: 'decided';
  readonly participants: readonly number[];
  readonly decision: Decision;
  /** Of the entry that decided it; undefined in what builds before feature level 4 may have to read. */
  readonly revision: number | undefined;
}

/** The vote is that of the reply to it, without participants. */
function encodePrepared({ body, clockMs, vote }: Prepared): Uint8Array {
  const reply = encodeTransactionReply({ type: 'vote', vote, participants: [] });
  const out = borrowWriter();
  out.u8(PREPARED);
  out.u48(clockMs);
  out.longBytes(body);
  out.longBytes(reply);
  return finish(out);
}

function encodeDecided({ participants, decision, revision }: Decided): Uint8Array {
  const out = borrowWriter();
  out.u8(revision === undefined ? DECIDED : DECIDED_AT);
  out.u8(FORMATS.decision.numbers[decision]);
  out.u16(participants.length);
  for (const shard of participants) out.u16(shard);
  if (revision !== undefined) out.u48(revision);
  return finish(out);
}

export const encodeRow = (row: Prepared | Decided): Uint8Array =>
  row.type === 'prepared' ? encodePrepared(row) : encodeDecided(row);

/** @throws StorageCorruption */
export function decodeRow(row: Uint8Array): Prepared | Decided {
  const input = new ByteReader(row);
  const state = input.u8();
  if (!reads(FORMATS.transactionState, state)) {
    throw new StorageCorruption(unknownNumber(FORMATS.transactionState, state));
  }
  if (state !== PREPARED) {
    const decision = DECISION_NAMES[input.u8()];
    if (decision === undefined) throw new StorageCorruption('the row of a transaction has no decision');
    const participants = Array.from({ length: input.u16() }, () => input.u16());
    return { type: 'decided', decision, participants, revision: state === DECIDED_AT ? input.u48() : undefined };
  }
  const clockMs = input.u48();
  const body = input.longBytes();
  const message = decodeTransaction(body);
  const reply = decodeTransactionReply(input.longBytes());
  if (message.phase !== 'prepare' || reply.type !== 'vote') {
    throw new StorageCorruption('the row of a transaction is malformed');
  }
  return { type: 'prepared', message, body, clockMs, vote: reply.vote };
}
