/**
 * Operation ids (v7 UUIDs, RFC 9562) for writes without an `Idempotency-Key`, marked as such (`shard/router-id.ts`), and ids
 * derived from another.
 */
import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';
import { hash64, isRouters, markAsRouters, type KvWrite } from '../../shard/index.js';

const ID_BYTES = 16;
/** Random bytes are drawn in batches: 0.25 µs an id instead of 2. */
const pool = new Uint8Array(ID_BYTES * 256);
let used = pool.length;

export function newOperationId(): Uint8Array {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + ID_BYTES);
  used += ID_BYTES;
  return markAsRouters(v7({ random }, new Uint8Array(ID_BYTES), 0));
}

/** Under which id a write goes, and who made that. */
export type Identity = Pick<KvWrite, 'operationId' | 'attempt'>;

/** @param clientId the client's, under which it may have sent the write before; undefined: it gave none */
export const identityUnder = (clientId: Uint8Array | undefined): Identity =>
  clientId === undefined
    ? { operationId: newOperationId(), attempt: 'initial' }
    : { operationId: clientId, attempt: 'keyed' };

/**
 * The id of one of several writes that a request under one id becomes: the same for the same `part`. Keeps version and
 * time of the UUID and who made it, and replaces what is random in it.
 */
export function derivedId(id: Uint8Array, part: Uint8Array): Uint8Array {
  const { high, low } = hash64(Buffer.concat([id, part]));
  const derived = Buffer.from(id);
  derived.writeUInt32BE(high, 8);
  derived.writeUInt32BE(low, 12);
  derived[8] = ((derived[8] ?? 0) & 0x3f) | 0x80;
  return isRouters(id, 0) ? markAsRouters(derived) : derived;
}
