/**
 * Is this process up, and can it serve? Names what is missing. Knows no HTTP.
 *
 * Readiness of a node is about that node: it is not ready for faults of its own (its state, its disk, shards that it
 * leads and cannot commit in), or when it could serve no shard at all. Shards that are without service elsewhere do not
 * make it unready, or one bad shard would take every node out of a load balancer; they are named, and count when asked
 * strictly. A router of its own has no faults but that it reaches nothing.
 */
import type { NodeHealth, Topology } from '../shard/index.js';
import type { Backend, ServingState } from './backend.js';
import { leaderAmong, replicasOf, type StatusAsker, type Statuses } from './leader-claims.js';

export interface HealthCheck {
  readonly name: string;
  /** Undefined if all is well, else what is wrong. */
  readonly wrong: string | undefined;
  /** What is not well and does not count. */
  readonly note?: string | undefined;
}

/** All that readiness depends on. */
export interface Situation {
  readonly state: ServingState;
  readonly topology: Topology | undefined;
  /** Of the node in this process; undefined for a router of its own. */
  readonly health: NodeHealth | undefined;
  /** Shards of which too few replicas are alive, and shards without a known leader. */
  readonly noQuorum: readonly number[];
  readonly noLeader: readonly number[];
  /** Any shard without service counts. */
  readonly strict: boolean;
}

/** Shards named in one line at most. */
const MAX_NAMED = 16;
/** How much longer than an election timeout a shard may take to commit before the node that leads it is not ready. */
const COMMIT_GRACE_MS = 500;

function named(shards: readonly number[]): string {
  const more = shards.length > MAX_NAMED ? `, and ${shards.length - MAX_NAMED} more` : '';
  return `shard ${shards.slice(0, MAX_NAMED).join(', ')}${more}`;
}

const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** The whole decision. Ready means: nothing is `wrong`. */
export function readiness(situation: Situation): readonly HealthCheck[] {
  const { state, topology, health } = situation;
  const checks: HealthCheck[] = [
    { name: 'state', wrong: state === 'serving' ? undefined : `the process is ${state}` },
    { name: 'topology', wrong: topology === undefined ? 'the topology is not known yet' : undefined },
  ];
  if (health !== undefined) checks.push(diskCheck(health), commitCheck(health));
  if (health?.quarantine !== undefined) checks.push({ name: 'quarantine', wrong: quarantined(health.quarantine) });
  if (topology !== undefined) checks.push(...serviceChecks(situation, topology));
  return checks;
}

const quarantined = (why: string): string =>
  `the data folder went back in time, and what this node says does not count until it was brought up: ${why}`;

const WAITS = { commits: 'commits have waited', state: 'checkpoints have waited' } as const;
const STALLS = {
  'disk-full': 'the disk is full',
  'journal-full': 'the journal is at its quota',
  'no-descriptors': 'no file descriptors are left',
} as const;

/** Want of room explains why commits wait, but not those that wait while only checkpoints want room: then the disk hangs, too. */
function diskCheck({ diskPendingMs, electionTimeoutMs, diskStall }: NodeHealth): HealthCheck {
  const waits =
    diskStall && `${STALLS[diskStall.reason]}, and ${WAITS[diskStall.waits]} for ${inSeconds(diskStall.ms)}`;
  if (diskStall?.waits === 'commits' && diskStall.ms > electionTimeoutMs) return { name: 'disk', wrong: waits };
  const hangs = diskPendingMs > electionTimeoutMs;
  if (hangs) return { name: 'disk', wrong: `a write has been under way for ${inSeconds(diskPendingMs)}` };
  return { name: 'disk', wrong: undefined, note: waits };
}

function commitCheck({ stalled, electionTimeoutMs }: NodeHealth): HealthCheck {
  const late = stalled.filter(({ ms }) => ms > electionTimeoutMs + COMMIT_GRACE_MS);
  if (late.length === 0) return { name: 'commits', wrong: undefined };
  const longest = Math.max(...late.map(({ ms }) => ms));
  const shards = late.map(({ shard }) => shard).filter((shard) => shard >= 0);
  const what = shards.length > 0 ? named(shards) : 'the system group';
  return { name: 'commits', wrong: `led here, and nothing committed for ${inSeconds(longest)}: ${what}` };
}

function serviceChecks({ noQuorum, noLeader, strict }: Situation, topology: Topology): HealthCheck[] {
  const unserved = new Set([...noQuorum, ...noLeader]).size;
  const counts = strict || unserved === topology.shards.length;
  const check = (name: string, what: string, shards: readonly number[]): HealthCheck => {
    const text = shards.length > 0 ? `${what}: ${named(shards)}` : undefined;
    return counts ? { name, wrong: text } : { name, wrong: undefined, note: text };
  };
  return [check('quorums', 'too few live replicas', noQuorum), check('leaders', 'no leader known', noLeader)];
}

/** Looks at what `readiness` decides by. A router of its own has to ask the nodes for it. */
export async function checkReadiness(
  backend: Backend,
  statuses: StatusAsker,
  strict: boolean,
): Promise<readonly HealthCheck[]> {
  const mustAsk = backend.self === undefined && backend.topology() !== undefined;
  return readinessOf(backend, strict, mustAsk ? await statuses.ask() : undefined);
}

/** As far as is known here now; `answers`: what a router of its own has asked for. */
export function readinessOf(backend: Backend, strict: boolean, answers?: Statuses): readonly HealthCheck[] {
  const { self } = backend;
  const topology = backend.topology();
  const noQuorum: number[] = [];
  const noLeader: number[] = [];
  for (const [shard, replicas] of topology?.shards.entries() ?? []) {
    const alive = replicas.filter((node) => backend.alive(node)).length;
    if (alive * 2 <= replicas.length) noQuorum.push(shard);
    if (answers !== undefined && topology !== undefined) {
      if (leaderAmong(replicasOf(answers, topology, shard)) === undefined) noLeader.push(shard);
    } else if (self !== undefined && replicas.includes(self) && backend.leaderOf(shard) === undefined) {
      // Of the shards that it does not hold, a node cannot say whether they have a leader; their replicas do.
      noLeader.push(shard);
    }
  }
  return readiness({ state: backend.state(), topology, health: backend.health(), noQuorum, noLeader, strict });
}
