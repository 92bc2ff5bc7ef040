/**
 * Every setting once: its schema with limits and default, and its text in `--help`.
 *
 * From this table come the flag (`--max-value-bytes`), the environment variable (`KVORUM_MAX_VALUE_BYTES`) and the
 * field of a JSON file (`maxValueBytes`). See `sources.ts` for their precedence.
 */
import { z } from 'zod';
import {
  ADDRESS_FORM,
  CLUSTER_FORM,
  DETOUR_FORM,
  MAX_NODES,
  isHost,
  parseAddress,
  parseCluster,
  parseDetours,
  type Detour,
} from './address.js';

export interface Setting<T> {
  readonly schema: z.ZodType<T>;
  /** Placeholder of the flag's value in `--help`, such as `<bytes>`; undefined for a switch. */
  readonly placeholder: string | undefined;
  readonly help: string;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
/** The values of a table of settings. */
export type Values<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

const MIB = 1024 * 1024;

/** Copies of bounds in `shard/bounds.ts`, compared by a test: `--help` and a refused flag must not load that module. */
export const MAX_VALUE_BYTES = 16 * MIB;
export const MAX_SHARDS = 1024;

/** Digits only: no sign, fraction, exponent, hexadecimal or blank, which `Number()` would let through. */
const fromText = (value: unknown): unknown =>
  typeof value === 'string' && /^(0|[1-9]\d{0,15})$/.test(value) ? Number(value) : value;

export function integer(min: number, max: number): z.ZodType<number> {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.preprocess(fromText, z.int({ error }).min(min, { error }).max(max, { error }));
}

const SWITCH_WORDS = new Map<unknown, boolean>([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
]);

export const onOff = (): z.ZodType<boolean> =>
  z.preprocess((value) => SWITCH_WORDS.get(value) ?? value, z.boolean({ error: 'must be true or false' }));

function text(error: string, pattern: RegExp): z.ZodType<string> {
  return z.string({ error }).regex(pattern, { error });
}

function address(options: { readonly allowPortZero: boolean }) {
  return z.string({ error: `must be ${ADDRESS_FORM}` }).transform((value, context) => {
    const parsed = parseAddress(value, options);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message: `must be ${ADDRESS_FORM}` });
    return z.NEVER;
  });
}

const addressList = z.string({ error: `must be ${ADDRESS_FORM}, parted by commas` }).transform((value, context) => {
  const parsed = value.split(',').map((part) => parseAddress(part.trim()));
  const known = parsed.filter((item) => item !== undefined);
  if (known.length === parsed.length) return known;
  context.addIssue({ code: 'custom', message: `must be ${ADDRESS_FORM}, parted by commas` });
  return z.NEVER;
});

const memberList = z.string({ error: `must be ${CLUSTER_FORM}` }).transform((value, context) => {
  const parsed = parseCluster(value);
  if (typeof parsed !== 'string') return parsed;
  context.addIssue({ code: 'custom', message: parsed });
  return z.NEVER;
});

const detourList = z.string({ error: `must be ${DETOUR_FORM}` }).transform((value, context) => {
  const parsed = parseDetours(value);
  if (typeof parsed !== 'string') return parsed;
  context.addIssue({ code: 'custom', message: parsed });
  return z.NEVER;
});

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

const logLevelBy = (usual: LogLevel, what: string): Setting<LogLevel> => ({
  schema: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default(usual),
  placeholder: '<level>',
  help: `${what}${LOG_LEVELS.join(', ')} (default ${usual})`,
});
const logLevel = logLevelBy('info', '');

export const setting = <T>(schema: z.ZodType<T>, placeholder: string | undefined, help: string): Setting<T> => ({
  schema,
  placeholder,
  help,
});

const uuid = text(
  'must be a UUID, such as 018f3f6e-7c1a-7cc4-a5b5-3d7a4d0e9b11',
  /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i,
);
const folder = text('must be the path of a folder', /./);

const insecure = setting(
  onOff().default(false),
  undefined,
  'accept listening beyond loopback without TLS: whoever reaches a port can read and write everything',
);
const HOST_LIST_FORM = 'host names or addresses without a port, parted by commas';
const allowedHosts: Setting<readonly string[]> = setting(
  z
    .string({ error: `must be ${HOST_LIST_FORM}` })
    .transform((value, context) => {
      const names = value.split(',').map((part) => part.trim());
      if (names.every((name) => isHost(name))) return names;
      context.addIssue({ code: 'custom', message: `must be ${HOST_LIST_FORM}` });
      return z.NEVER;
    })
    .default([]),
  '<host,…>',
  'further names that HTTP requests may have in Host; on loopback others than its own are refused',
);
const maxValueBytes = setting(
  integer(1, MAX_VALUE_BYTES).default(MIB),
  '<bytes>',
  'longest value accepted over HTTP, at most 16777216 (default 1048576)',
);

const via: Setting<readonly Detour[]> = setting(
  detourList.default([]),
  '<known=dialled,…>',
  'dial another address than the one that a node is known by, such as that of a tunnel',
);

export const nodeSettings = {
  name: setting(
    text('must be the name of a member of --cluster', /^.+$/),
    '<name>',
    'which member of --cluster this is',
  ),
  cluster: setting(memberList, '<members>', `all members, the same list on each machine: ${CLUSTER_FORM}`),
  data: setting(folder, '<folder>', 'where this node keeps its data; made if absent'),
  listenHttp: setting(
    address({ allowPortZero: true }).optional(),
    '<host:port>',
    'where to serve HTTP (default: its own http address in --cluster)',
  ),
  listenPeer: setting(
    address({ allowPortZero: true }).optional(),
    '<host:port>',
    'where to listen for nodes and routers (default: its own peer address in --cluster)',
  ),
  shards: setting(
    integer(1, MAX_SHARDS).default(16),
    '<n>',
    'number of shards, fixed when a cluster is made (default 16)',
  ),
  replicas: setting(integer(1, MAX_NODES).optional(), '<n>', 'copies of each shard (default 3, or all nodes if fewer)'),
  via,
  clusterName: setting(
    text('must be 1 to 255 characters', /^.{1,255}$/).default('kvorum'),
    '<name>',
    'together with members, shards and replicas it makes the cluster id (default kvorum)',
  ),
  clusterId: setting(uuid.optional(), '<uuid>', 'the cluster id itself, instead of one made from --cluster-name'),
  insecure,
  allowedHosts,
  logLevel,
  maxValueBytes,
  maxJournalBytes: setting(
    integer(64 * 1024, 2 ** 50).optional(),
    '<bytes>',
    'most bytes of the journal; writes wait, then are refused, beyond (default: only the disk limits it)',
  ),
  trustDataFolder: setting(
    onOff().default(false),
    undefined,
    'for one start: this folder is all there is, though others remember more; what it lacks may be lost',
  ),
  leaseReads: setting(
    onOff().default(false),
    undefined,
    'allow ?consistency=lease: faster reads that trust the clocks of the machines; same on all nodes, as the next three',
  ),
  tickMs: setting(integer(5, 1000).default(50), '<ms>', 'length of a tick, the unit of the two below (default 50)'),
  electionTicks: setting(
    integer(3, 1000).default(10),
    '<ticks>',
    'a follower stands for election after one to two times this (default 10)',
  ),
  heartbeatTicks: setting(integer(1, 100).default(2), '<ticks>', 'pause between heartbeats (default 2)'),
} satisfies Settings;

export const routerSettings = {
  nodes: setting(addressList, '<host:port,…>', 'peer addresses of some or all nodes'),
  listen: setting(
    address({ allowPortZero: true }).default({ host: '127.0.0.1', port: 8080 }),
    '<host:port>',
    'where to serve HTTP (default 127.0.0.1:8080)',
  ),
  clusterId: setting(uuid.optional(), '<uuid>', 'refuse to serve any other cluster than this'),
  via,
  insecure,
  allowedHosts,
  logLevel,
  maxValueBytes,
} satisfies Settings;

export const startSettings = {
  nodes: setting(integer(1, 9).default(3), '<n>', 'node processes, 1 to 9 (default 3)'),
  replicas: setting(integer(1, 9).optional(), '<n>', 'copies of each shard (default 3, or all nodes if fewer)'),
  shards: setting(integer(1, MAX_SHARDS).default(16), '<n>', 'number of shards (default 16)'),
  port: setting(
    integer(0, 65_535).default(8080),
    '<port>',
    'port of the router; 0 lets the system choose (default 8080)',
  ),
  data: setting(folder.default('.kvorum'), '<folder>', 'where all nodes keep their data (default .kvorum)'),
  fresh: setting(onOff().default(false), undefined, 'throw away the data of an earlier start first'),
  restart: setting(onOff().default(false), undefined, 'start a node again when its process dies'),
  faults: setting(
    onOff().default(false),
    undefined,
    'put a proxy into every link and open a control API, for `npm run faults`',
  ),
  routers: setting(integer(1, 9).default(1), '<n>', 'with --faults: routers, the others as processes (default 1)'),
  allowedHosts,
  logLevel: logLevelBy('warn', 'what the nodes log is shown from: '),
} satisfies Settings;
