/**
 * The first message on a link, in both directions: sender, receiver, cluster, versions.
 *
 * ```
 * magic u32 · layout u8 · role u8 · from u16 · to u16 · incarnation u48 · cluster id (length u8, ASCII)
 * layout 2 goes on:  min version u8 · max version u8 · feature level u16 · extension (length u32, JSON object)
 * ```
 * Magic and layout never move, so that any two builds can tell each other why they refuse. Layout 1 is the hello of
 * protocol version 1. Layout 2 is meant to last: additions of later builds go into the extension, whose unknown fields are
 * ignored. The checks are in `handshake.ts`.
 */
import { z } from 'zod';
import type { NodeId } from '../../raft/index.js';
import { FORMATS, numberWritten } from '../formats.js';
import type { NodeTimers } from '../cluster/index.js';
import { FORMER_PROTOCOL, type Protocol, type VersionRange } from './protocol.js';
import { WIRE_INTEGER_LIMIT, WireError, WireReader, WireWriter } from './wire-buffer.js';

/** What a process states about itself beyond its identity. An absent field is unknown to the other side. */
export interface HelloExtension {
  /** The random id of the cluster, once it has one (`Topology.clusterUid`). */
  readonly clusterUid?: string;
  /** It has none, and yet data: a build of feature level 1 made its cluster. */
  readonly dataWithoutUid?: boolean;
  /** Drawn at random by the first process on the data folder: tells two folders of one node id apart. */
  readonly folderId?: string;
  /** Number of this start of the node on its folder, from 1. */
  readonly boot?: number;
  /** Number of the last durable journal row when the hello was made. */
  readonly position?: number;
  /** Drawn at random by the process; where its journal ended when it started; the last boot that was in quarantine. */
  readonly process?: number;
  readonly started?: number;
  readonly quarantined?: number;
  /** What the process was started with (`settings.ts`). */
  readonly settings?: NodeTimers & { readonly leaseReads: boolean };
  /** What the sender knows of the incarnations of the receiving node (`rollback-detector.ts`). */
  readonly known?: {
    readonly boot: number;
    readonly position: number;
    readonly process: number;
    readonly accused: number;
    readonly folder?: string | undefined;
  };
}

export interface Hello {
  readonly role: 'node' | 'router';
  /** 0 for a router. */
  readonly from: NodeId;
  /** The node that is meant; 0 for a router, or from a router that has an address and does not know whose. */
  readonly to: NodeId;
  /** Greater in every later incarnation: distinguishes a new link of a peer from a stale one. */
  readonly incarnation: number;
  /** Empty = not known yet, which only a router may send. */
  readonly clusterId: string;
  /** Versions of the link protocol that the sender can use; 1..1 in a hello of layout 1. */
  readonly versions: VersionRange;
  /** What the sender can read in replicated data; 1 in a hello of layout 1. */
  readonly featureLevel: number;
  /** Empty in a hello of layout 1. */
  readonly extension: HelloExtension;
}

/** Layout of a hello: 1 for whoever knows only protocol version 1, 2 for all others. */
export type HelloLayout = (typeof FORMATS.helloLayout.numbers)[keyof typeof FORMATS.helloLayout.numbers];

const { version: FIRST, range: WITH_RANGE } = FORMATS.helloLayout.numbers;

/** "KVRM" */
const MAGIC = 0x4d_52_56_4b;
const ROLES = ['node', 'router'] as const;
export const MAX_EXTENSION_BYTES = 16 * 1024;

const whole = z
  .int()
  .min(0)
  .max(WIRE_INTEGER_LIMIT - 1);
export const timersSchema = z.object({
  tickMs: z.number().positive(),
  electionTicks: whole.min(1),
  heartbeatTicks: whole.min(1),
});
const extensionSchema = z.object({
  clusterUid: z.string().max(64).optional(),
  dataWithoutUid: z.boolean().optional(),
  folderId: z.string().max(64).optional(),
  boot: whole.optional(),
  position: whole.optional(),
  process: whole.optional(),
  started: whole.optional(),
  quarantined: whole.optional(),
  settings: timersSchema.extend({ leaseReads: z.boolean() }).optional(),
  known: z
    .object({ boot: whole, position: whole, process: whole, accused: whole, folder: z.string().max(64).optional() })
    .optional(),
});

/** The newest layout that a process with `protocol` can read. */
export const newestLayout = ({ versions }: Protocol): HelloLayout => (versions.max > 1 ? WITH_RANGE : FIRST);

/** Layout 1 has no room for versions, feature level and extension: they are left out. */
export function encodeHello(hello: Hello, layout: number = numberWritten(FORMATS.helloLayout)): Uint8Array {
  const out = new WireWriter();
  out.u32(MAGIC);
  out.u8(layout);
  out.u8(ROLES.indexOf(hello.role));
  out.u16(hello.from);
  out.u16(hello.to);
  out.u48(hello.incarnation);
  out.ascii(hello.clusterId);
  if (layout === FIRST) return out.take();
  out.u8(hello.versions.min);
  out.u8(hello.versions.max);
  out.u16(hello.featureLevel);
  const extension = Buffer.from(JSON.stringify(hello.extension));
  if (extension.length > MAX_EXTENSION_BYTES) throw new WireError(`a hello extension of ${extension.length} bytes`);
  out.longBytes(extension);
  return out.take();
}

/**
 * Only the layout if it is later than `newest`: the rest may then be laid out in another way.
 * @throws WireError if this is no hello.
 */
export function decodeHello(
  bytes: Uint8Array,
  newest: HelloLayout = WITH_RANGE,
): { readonly layout: number; readonly hello: Hello | undefined } {
  const input = new WireReader(bytes);
  if (input.u32() !== MAGIC) throw new WireError('not a hello');
  const layout = input.u8();
  if (layout < FIRST || layout > newest) return { layout, hello: undefined };
  const role = ROLES[input.u8()];
  const from = input.u16();
  const to = input.u16();
  const incarnation = input.u48();
  const clusterId = input.ascii();
  const speaks = layout === FIRST ? { ...FORMER_PROTOCOL, extension: {} } : readVersions(input);
  if (input.remaining > 0) throw new WireError('a hello with something behind it');
  if (role === undefined || (role === 'node') !== from > 0) throw new WireError('a hello of nobody');
  return { layout, hello: { role, from, to, incarnation, clusterId, ...speaks } };
}

function readVersions(input: WireReader): Pick<Hello, 'versions' | 'featureLevel' | 'extension'> {
  const versions = { min: input.u8(), max: input.u8() };
  if (versions.min < 1 || versions.min > versions.max) {
    throw new WireError(`a hello with protocol versions ${versions.min} to ${versions.max}`);
  }
  return { versions, featureLevel: input.u16(), extension: readExtension(input) };
}

function readExtension(input: WireReader): HelloExtension {
  const bytes = input.longBytes();
  if (bytes.length > MAX_EXTENSION_BYTES) throw new WireError(`a hello extension of ${bytes.length} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString());
  } catch {
    throw new WireError('a hello extension that is not JSON');
  }
  const parsed = extensionSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new WireError(`a hello extension does not fit: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}
