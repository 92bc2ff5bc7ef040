/** Operation ids, made by clients and by the processes that they ask. */
import { markAsRouters, type KvWrite } from '../shard/index.js';
import type { Random } from '../random.js';
import type { MachineClock } from './clock.js';

/** No id was chosen. */
export const UNNAMED = new Uint8Array(16);

/** As a router does for a client that sent no id: stamped by its own clock. */
export function withIdOf(write: KvWrite, clock: MachineClock, random: Random): KvWrite {
  return write.operationId === UNNAMED ? { ...write, operationId: markAsRouters(makeId(clock, random)) } : write;
}

/** A version 7 UUID (RFC 9562). */
export function makeId(clock: MachineClock, random: Random): Uint8Array {
  const id = Buffer.alloc(16);
  for (let at = 6; at < 16; at++) id[at] = random.integer(0, 255);
  id.writeUIntBE(Math.max(0, Math.floor(clock.wall())), 0, 6);
  id[6] = 0x70 | ((id[6] ?? 0) & 0x0f);
  id[8] = 0x80 | ((id[8] ?? 0) & 0x3f);
  return id;
}
