/**
 * Rare and large messages: the topology and a node's status, as JSON inside a frame, checked field by field.
 *
 * The compiler checks the schemas against `Topology` and `NodeStatus`: a field that is added there and forgotten here
 * does not build.
 */
import { z } from 'zod';
import { MAX_RANDOM_ID_CHARS } from '../bounds.js';
import { FORMER_PROTOCOL } from './protocol.js';
import type { NodeStatus } from '../status.js';
import type { Topology } from '../cluster/index.js';
import { WIRE_INTEGER_LIMIT, WireError, type WireReader, type WireWriter } from './wire-buffer.js';
import { timersSchema } from './wire-hello.js';

const MAX_NODE_ID = 65_535;
const nodeId = z.int().min(1).max(MAX_NODE_ID);
const nodeOrNone = z.int().min(0).max(MAX_NODE_ID);
const whole = z
  .int()
  .min(0)
  .max(WIRE_INTEGER_LIMIT - 1);

const milliseconds = z.number().min(0);

const topology = z
  .object({
    clusterId: z.string(),
    epoch: whole,
    shardCount: whole,
    replicas: whole,
    hash: z.literal('xxh64'),
    leaseReads: z.boolean(),
    nodes: z.array(z.object({ id: nodeId, name: z.string(), peerAddress: z.string(), httpAddress: z.string() })),
    shards: z.array(z.array(nodeId)),
    featureLevel: whole.optional(),
    clusterUid: z.string().max(MAX_RANDOM_ID_CHARS).optional(),
    timers: timersSchema.optional(),
    leases: z.enum(['off', 'promise', 'read']).optional(),
  })
  .refine((t) => t.shards.length === t.shardCount, 'as many replica sets as shards')
  .refine((t) => new Set(t.nodes.map((node) => node.id)).size === t.nodes.length, 'a node twice');

const configuration = z.object({
  voters: z.array(nodeId),
  votersOutgoing: z.array(nodeId),
  learners: z.array(nodeId),
});

const raftStatus = z.object({
  id: nodeId,
  role: z.enum(['follower', 'pre-candidate', 'candidate', 'leader']),
  term: whole,
  vote: nodeOrNone,
  leader: nodeOrNone,
  commit: whole,
  applied: whole,
  firstIndex: whole,
  lastIndex: whole,
  stableIndex: whole,
  quiesced: z.boolean(),
  quarantine: whole.optional(),
  configuration,
  peers: z.array(
    z.object({
      id: nodeId,
      match: whole,
      next: whole,
      state: z.enum(['probe', 'replicate', 'snapshot']),
      recentlyActive: z.boolean(),
      quarantined: z.boolean().optional(),
    }),
  ),
});

const status = z.object({
  id: nodeId,
  name: z.string(),
  state: z.enum(['starting', 'serving', 'stopping', 'failed']),
  // JSON has no undefined, so null is used for it.
  failure: z
    .string()
    .nullable()
    .transform((text) => text ?? undefined),
  topologyEpoch: whole,
  uptimeMs: z.number(),
  alive: z.array(nodeId),
  groups: z.array(
    z.object({
      group: whole,
      raft: raftStatus,
      stateHash: z.string(),
      keys: whole,
      leaderChanges: whole,
      pendingWrites: whole,
      pendingReads: whole,
      commitWaitMs: milliseconds.optional(),
      sinceAppliedMs: milliseconds.optional(),
    }),
  ),
  storage: z.object({
    journalBytes: z.number(),
    journalRows: whole,
    stateBytes: z.number(),
    commits: whole,
    commitMs: z.array(z.number()),
    files: z.object({ journal: whole, state: whole, stateWal: whole }).optional(),
  }),
  inboxLength: whole,
  // Builds of protocol version 1 send neither.
  featureLevel: whole.default(FORMER_PROTOCOL.featureLevel),
  links: z.array(z.object({ peer: nodeId, version: whole })).default([]),
  electionTimeoutMs: milliseconds.optional(),
  roomWaitMs: milliseconds.optional(),
  clockOffsetMs: z.number().optional(),
  quarantine: z.string().optional(),
});

export function writeTopology(out: WireWriter, value: Topology): void {
  // Builds of version 1 do not know these fields.
  const unknown = { featureLevel: undefined, clusterUid: undefined, timers: undefined, leases: undefined };
  const sent = out.version === 1 ? { ...value, ...unknown } : value;
  out.text(JSON.stringify(sent));
}

export function readTopology(input: WireReader): Topology {
  return readDocument(input, topology);
}

export function writeStatus(out: WireWriter, value: NodeStatus): void {
  const sent = { ...value, failure: value.failure ?? null };
  out.text(JSON.stringify(out.version === 1 ? { ...sent, featureLevel: undefined, links: undefined } : sent));
}

export function readStatus(input: WireReader): NodeStatus {
  return readDocument(input, status);
}

function readDocument<Value>(input: WireReader, schema: z.ZodType<Value>): Value {
  const text = input.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new WireError('a document is not JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new WireError(`a document does not fit: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
}
