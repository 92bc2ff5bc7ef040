/**
 * Pings on the wire: the sign of life between processes, and what the sender says of itself with it.
 *
 * `epoch u48 · flags u8` (1 = about to stop). Knows no frame and no link.
 */
import type { PeerMessage } from './transport.js';
import type { WireReader, WireWriter } from './wire-buffer.js';

export type Ping = Extract<PeerMessage, { type: 'ping' }>;

const STOPPING = 1;

export function writePing(out: WireWriter, ping: Ping): void {
  out.u48(ping.epoch);
  out.u8(ping.stopping ? STOPPING : 0);
}

export function readPing(input: WireReader): Ping {
  const epoch = input.u48();
  return { type: 'ping', epoch, stopping: (input.flags(STOPPING) & STOPPING) !== 0 };
}
