/**
 * Pings on the wire: `epoch u48 · flags u8` (1 = stopping, must not lead; 2 = failed, since version 2; 4 = with the
 * sender's wall clock, `u48`, since version 3; over older links it is left out).
 */
import type { PeerMessage } from './transport.js';
import { WireError, type WireReader, type WireWriter } from './wire-buffer.js';

export type Ping = Extract<PeerMessage, { type: 'ping' }>;

const STOPPING = 1;
const FAILED = 2;
const WITH_WALL = 4;
const ALLOWED = [0, STOPPING, STOPPING | FAILED];
const ALLOWED_NOW = STOPPING | FAILED | WITH_WALL;

export function writePing(out: WireWriter, ping: Ping): void {
  // A build of version 1 would treat the sender as alive.
  if (ping.failed && out.version < 2) throw new WireError('a ping of a failed node on a link of version 1');
  out.u48(ping.epoch);
  const wallMs = out.version < 3 ? undefined : ping.wallMs;
  const withWall = wallMs === undefined ? 0 : WITH_WALL;
  out.u8((ping.stopping ? STOPPING : 0) | (ping.failed ? FAILED : 0) | withWall);
  if (wallMs !== undefined) out.u48(wallMs);
}

export function readPing(input: WireReader): Ping {
  const epoch = input.u48();
  const flags = input.flags(ALLOWED[input.version] ?? ALLOWED_NOW);
  return {
    type: 'ping',
    epoch,
    stopping: (flags & STOPPING) !== 0,
    ...((flags & FAILED) === 0 ? {} : { failed: true }),
    ...((flags & WITH_WALL) === 0 ? {} : { wallMs: input.u48() }),
  };
}
