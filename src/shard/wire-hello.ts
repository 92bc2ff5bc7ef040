/**
 * The first message on a link, in both directions: who speaks, to whom, of which cluster, in which version.
 *
 * `magic u32 · version u8 · role u8 · from u16 · to u16 · incarnation u48 · cluster id (length u8, ASCII)`.
 * Magic and version never move, so that any two versions can tell each other why they part. Knows no socket and
 * decides nothing (`ws-handshake.ts` does).
 */
import type { NodeId } from '../raft/index.js';
import { WireError, WireReader, WireWriter } from './wire-buffer.js';
import { WIRE_VERSION } from './wire.js';

export interface Hello {
  readonly role: 'node' | 'router';
  /** 0 for a router. */
  readonly from: NodeId;
  /** The node that is meant; 0 for a router, or from a router that has an address and does not know whose. */
  readonly to: NodeId;
  /** Greater in every later life of a process: tells a new link of a peer from a left-over. */
  readonly incarnation: number;
  /** Empty = "I do not know it yet", which only a router may say. */
  readonly clusterId: string;
}

/** "KVRM" */
const MAGIC = 0x4d_52_56_4b;
const ROLES = ['node', 'router'] as const;

export function encodeHello(hello: Hello, version: number = WIRE_VERSION): Uint8Array {
  const out = new WireWriter();
  out.u32(MAGIC);
  out.u8(version);
  out.u8(ROLES.indexOf(hello.role));
  out.u16(hello.from);
  out.u16(hello.to);
  out.u48(hello.incarnation);
  out.ascii(hello.clusterId);
  return out.take();
}

/**
 * Only `version` if it is not ours: the rest may then be laid out in another way.
 * @throws WireError if this is no hello.
 */
export function decodeHello(bytes: Uint8Array): { readonly version: number; readonly hello: Hello | undefined } {
  const input = new WireReader(bytes);
  if (input.u32() !== MAGIC) throw new WireError('not a hello');
  const version = input.u8();
  if (version !== WIRE_VERSION) return { version, hello: undefined };
  const role = ROLES[input.u8()];
  const from = input.u16();
  const to = input.u16();
  const incarnation = input.u48();
  const clusterId = input.ascii();
  if (input.remaining > 0) throw new WireError('a hello with something behind it');
  if (role === undefined || (role === 'node') !== from > 0) throw new WireError('a hello of nobody');
  return { version, hello: { role, from, to, incarnation, clusterId } };
}
