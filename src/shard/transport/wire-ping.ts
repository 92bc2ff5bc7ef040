/**
 * Pings on the wire: the sign of life between processes, and what the sender says of itself with it.
 *
 * `epoch u48 · flags u8` (1 = wants nothing to lead, 2 = has failed: since version 2). Knows no frame and no link.
 */
import type { PeerMessage } from './transport.js';
import { WireError, type WireReader, type WireWriter } from './wire-buffer.js';

export type Ping = Extract<PeerMessage, { type: 'ping' }>;

const STOPPING = 1;
const FAILED = 2;

export function writePing(out: WireWriter, ping: Ping): void {
  // An older build would take it for a sign of life.
  if (ping.failed && out.version < 2) throw new WireError('a ping of a failed node on a link of version 1');
  out.u48(ping.epoch);
  out.u8((ping.stopping ? STOPPING : 0) | (ping.failed ? FAILED : 0));
}

export function readPing(input: WireReader): Ping {
  const epoch = input.u48();
  const flags = input.flags(input.version < 2 ? STOPPING : STOPPING | FAILED);
  const stopping = (flags & STOPPING) !== 0;
  return (flags & FAILED) === 0 ? { type: 'ping', epoch, stopping } : { type: 'ping', epoch, stopping, failed: true };
}
