/**
 * The checked configurations of a node, a router and a local cluster: single settings are checked by their schemas,
 * combinations of settings here. The result is complete: no default is applied later.
 */
import { v5 as uuidFromName } from 'uuid';
import { isLoopback } from '../loopback.js';
import { formatAddress, type Address, type Detour, type Member } from './address.js';
import { ConfigError } from './config-error.js';
import { nodeSettings, routerSettings, startSettings, type LogLevel } from './settings.js';
import { readSettings, type Sources } from './sources.js';

export interface NodeConfig {
  readonly id: number;
  readonly name: string;
  readonly members: readonly Member[];
  readonly clusterId: string;
  readonly dataDir: string;
  readonly listenHttp: Address;
  readonly listenPeer: Address;
  /** Peers that are dialled at another address than their own. */
  readonly via: readonly Detour[];
  readonly shards: number;
  readonly replicas: number;
  readonly insecure: boolean;
  /** Further names that HTTP requests may have in `Host`. */
  readonly allowedHosts: readonly string[];
  readonly logLevel: LogLevel;
  readonly maxValueBytes: number;
  /** Undefined: only the disk is the limit. */
  readonly maxJournalBytes: number | undefined;
  /** `ShardNodeOptions.trustDataFolder` */
  readonly trustDataFolder: boolean;
  readonly leaseReads: boolean;
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
}

export interface RouterConfig {
  /** Peer addresses to learn the topology from. */
  readonly nodes: readonly Address[];
  readonly listen: Address;
  /** Undefined: whichever cluster the nodes belong to. */
  readonly clusterId: string | undefined;
  /** Nodes that are dialled at another address than their own, be it from `nodes` or the topology. */
  readonly via: readonly Detour[];
  readonly insecure: boolean;
  /** Further names that HTTP requests may have in `Host`. */
  readonly allowedHosts: readonly string[];
  readonly logLevel: LogLevel;
  readonly maxValueBytes: number;
}

export interface StartConfig {
  readonly nodes: number;
  readonly replicas: number;
  readonly shards: number;
  readonly port: number;
  readonly dataDir: string;
  readonly fresh: boolean;
  readonly restart: boolean;
  /** Routes every link through a proxy, and adds a control API for faults. */
  readonly faults: boolean;
  /** 1 unless `faults`. */
  readonly routers: number;
  /** Further names that HTTP requests may have in `Host`, at the router and at all nodes. */
  readonly allowedHosts: readonly string[];
  readonly logLevel: LogLevel;
  /** Names of settings that were given, as opposed to defaults: only these can contradict an earlier start. */
  readonly explicit: ReadonlySet<string>;
}

/** Namespace of cluster ids made from names (RFC 9562, section 5.5). */
const CLUSTER_NAMESPACE = 'c9a1f4f2-53a1-5c9e-9a3f-2b1d54d5f0a7';
const DEFAULT_REPLICAS = 3;

/** @throws ConfigError */
export function nodeConfig(sources: Sources): NodeConfig {
  const { cluster: members, data, clusterName, ...rest } = readSettings(nodeSettings, sources);
  const own = members.find((member) => member.name === rest.name);
  if (own === undefined) {
    const names = members.map((member) => member.name).join(', ');
    throw new ConfigError('name', `name '${rest.name}' is no member of --cluster, which has ${names}`);
  }
  const replicas = checkedReplicas(rest.replicas, members.length);
  if (rest.electionTicks <= rest.heartbeatTicks) {
    throw new ConfigError(
      'electionTicks',
      `electionTicks (${rest.electionTicks}) must be more than heartbeatTicks (${rest.heartbeatTicks}), or every pause looks like a dead leader`,
    );
  }
  const listenHttp = rest.listenHttp ?? own.http;
  const listenPeer = rest.listenPeer ?? own.peer;
  refuseSmallJournal(rest.maxJournalBytes, rest.maxValueBytes);
  refuseOpenListener('listenHttp', listenHttp, rest.insecure);
  refuseOpenListener('listenPeer', listenPeer, rest.insecure);
  const names = members.map((member) => member.name);
  const clusterId = rest.clusterId ?? makeClusterId({ clusterName, names, shards: rest.shards, replicas });
  return { ...rest, id: own.id, members, clusterId, dataDir: data, replicas, listenHttp, listenPeer };
}

/** @throws ConfigError */
export function routerConfig(sources: Sources): RouterConfig {
  const values = readSettings(routerSettings, sources);
  refuseOpenListener('listen', values.listen, values.insecure);
  return values;
}

/** @throws ConfigError */
export function startConfig(flags: Readonly<Record<string, unknown>>): StartConfig {
  const { data, ...values } = readSettings(startSettings, { flags, environment: {} });
  const explicit = new Set(Object.keys(flags).filter((field) => flags[field] !== undefined));
  if (explicit.has('routers') && !values.faults) {
    throw new ConfigError('routers', 'routers is for --faults only; several stand-alone routers are `kvorum router`');
  }
  if (values.faults && values.restart) {
    throw new ConfigError('restart', 'restart contradicts --faults: a node that is killed there stays dead until told');
  }
  return { ...values, dataDir: data, replicas: checkedReplicas(values.replicas, values.nodes), explicit };
}

/** The same on each machine with the same settings; another one if any of them differs. */
export function makeClusterId(parts: {
  readonly clusterName: string;
  readonly names: readonly string[];
  readonly shards: number;
  readonly replicas: number;
}): string {
  const identity = JSON.stringify([parts.clusterName, parts.names, parts.shards, parts.replicas]);
  return uuidFromName(identity, CLUSTER_NAMESPACE);
}

function checkedReplicas(replicas: number | undefined, nodes: number): number {
  const chosen = replicas ?? Math.min(DEFAULT_REPLICAS, nodes);
  if (chosen > nodes) {
    throw new ConfigError('replicas', `replicas (${chosen}) must not be more than the number of nodes (${nodes})`);
  }
  return chosen;
}

/** The result of the storage's `minJournalBytes` for the longest entry; a test checks that they agree. */
export function leastMaxJournalBytes(maxValueBytes: number): number {
  const rowBytes = Math.ceil((maxValueBytes + 24 * 1024) / 4096) * 4096;
  return 6 * rowBytes + 512 * 1024;
}

function refuseSmallJournal(maxJournalBytes: number | undefined, maxValueBytes: number): void {
  const least = leastMaxJournalBytes(maxValueBytes);
  if (maxJournalBytes === undefined || maxJournalBytes >= least) return;
  throw new ConfigError(
    'maxJournalBytes',
    `maxJournalBytes (${maxJournalBytes}) must be at least ${least} with maxValueBytes ${maxValueBytes}: a journal that ` +
      'holds few of the longest values cannot be emptied while it is written',
  );
}

function refuseOpenListener(field: string, address: Address, insecure: boolean): void {
  if (insecure || isLoopback(address.host)) return;
  throw new ConfigError(
    field,
    `${field} ${formatAddress(address)} is beyond loopback, and without TLS whoever reaches it can read and write ` +
      `everything; listen on 127.0.0.1, or say --insecure if the network itself is trusted`,
  );
}
