/**
 * Pings on the wire: `epoch u48 · flags u8` (1 = stopping, must not lead; 2 = failed, since version 2).
 */
import type { PeerMessage } from './transport.js';
import { WireError, type WireReader, type WireWriter } from './wire-buffer.js';

export type Ping = Extract<PeerMessage, { type: 'ping' }>;

const STOPPING = 1;
const FAILED = 2;

export function writePing(out: WireWriter, ping: Ping): void {
  // A build of version 1 would treat the sender as alive.
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
