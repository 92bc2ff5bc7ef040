/**
 * Readiness of this process, and what is missing for it.
 *
 * A node is unready for faults of its own (its state, its disk, shards that it leads and cannot commit in), or if it
 * can serve no shard at all. Shards that are unavailable elsewhere, or because of other nodes' disks, do not make it
 * unready, or one bad shard would take every node out of a load balancer; they are reported, and count under `?strict`.
 * A router process is unready only if it reaches nothing.
 */
import type { NodeHealth, StalledShard, Topology } from '../../shard/index.js';
import type { Backend, ServingState } from '../dispatch/index.js';
import type { StatusPoller, Statuses } from './status-poller.js';
import { isStalled, unservedShards, type UnservedShards } from './shard-service.js';

export interface HealthCheck {
  readonly name: string;
  /** Undefined if the check passed, else what is wrong. */
  readonly wrong: string | undefined;
  /** A problem that does not make the process unready. */
  readonly note?: string | undefined;
}

/** Everything that readiness depends on. */
export interface ReadinessInputs extends UnservedShards {
  readonly state: ServingState;
  readonly topology: Topology | undefined;
  /** Health of the node in this process; undefined in a router process. */
  readonly health: NodeHealth | undefined;
  /** Any unavailable shard counts. */
  readonly strict: boolean;
}

/** Shards listed in one line at most. */
const MAX_NAMED = 16;

function named(shards: readonly number[]): string {
  const more = shards.length > MAX_NAMED ? `, and ${shards.length - MAX_NAMED} more` : '';
  return `shard ${shards.slice(0, MAX_NAMED).join(', ')}${more}`;
}

const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** Decides readiness: ready if no check is `wrong`. */
export function readiness(situation: ReadinessInputs): readonly HealthCheck[] {
  const { state, topology, health } = situation;
  const checks: HealthCheck[] = [
    { name: 'state', wrong: state === 'serving' ? undefined : `the process is ${state}` },
    { name: 'topology', wrong: topology === undefined ? 'the topology is not known yet' : undefined },
  ];
  const counts = unservedCounts(situation);
  if (health !== undefined) checks.push(diskCheck(health), commitCheck(health, counts));
  if (health?.quarantine !== undefined) checks.push({ name: 'quarantine', wrong: quarantined(health.quarantine) });
  if (topology !== undefined) checks.push(...serviceChecks(situation, counts));
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

/** A full disk explains why commits wait, unless only checkpoints want room: then the disk hangs as well. */
function diskCheck({ diskPendingMs, openingMs = 0, electionTimeoutMs, diskStall }: NodeHealth): HealthCheck {
  const waits =
    diskStall && `${STALLS[diskStall.reason]}, and ${WAITS[diskStall.waits]} for ${inSeconds(diskStall.ms)}`;
  if (diskStall?.waits === 'commits' && diskStall.ms > electionTimeoutMs) return { name: 'disk', wrong: waits };
  const hangs = diskPendingMs > electionTimeoutMs;
  if (hangs) return { name: 'disk', wrong: `a write has been under way for ${inSeconds(diskPendingMs)}` };
  if (openingMs > electionTimeoutMs) {
    const why = 'it has much to read, or its disk does not answer';
    return { name: 'disk', wrong: `the data folder is being opened for ${inSeconds(openingMs)}: ${why}` };
  }
  return { name: 'disk', wrong: undefined, note: waits };
}

/** Commits held up only by other nodes' disks are no fault of this node: they count where those nodes' faults would. */
function commitCheck({ stalled, electionTimeoutMs }: NodeHealth, countsOthers: boolean): HealthCheck {
  const late = stalled.filter(({ ms }) => isStalled(ms, electionTimeoutMs));
  const byOthers = late.filter(({ byDisksOfOthers }) => byDisksOfOthers === true);
  const own = late.filter((each) => !byOthers.includes(each));
  const texts = [
    own.length > 0 ? `led here, and ${nothingCommitted(own)}` : undefined,
    byOthers.length > 0 ? `led here, held up by the disks of others, and ${nothingCommitted(byOthers)}` : undefined,
  ];
  const text = texts.filter((each) => each !== undefined).join('; ') || undefined;
  const counts = countsOthers || own.length > 0;
  return counts ? { name: 'commits', wrong: text } : { name: 'commits', wrong: undefined, note: text };
}

function nothingCommitted(stalled: readonly StalledShard[]): string {
  const longest = Math.max(...stalled.map(({ ms }) => ms));
  const shards = stalled.map(({ shard }) => shard).filter((shard) => shard >= 0);
  return `nothing committed for ${inSeconds(longest)}: ${shards.length > 0 ? named(shards) : 'the system group'}`;
}

/** Unavailable shards count under `?strict`, or if there are no others. */
function unservedCounts({
  noQuorum,
  noLeader,
  unanswered,
  stalled,
  health,
  topology,
  strict,
}: ReadinessInputs): boolean {
  if (strict || topology === undefined) return true;
  const stalledHere = health?.stalled.filter(({ ms }) => isStalled(ms, health.electionTimeoutMs)) ?? [];
  const late = [...stalledHere, ...(stalled ?? [])].map(({ shard }) => shard).filter((shard) => shard >= 0);
  return new Set([...noQuorum, ...noLeader, ...unanswered, ...late]).size === topology.shards.length;
}

function serviceChecks({ noQuorum, noLeader, unanswered, stalled }: ReadinessInputs, counts: boolean): HealthCheck[] {
  const check = (name: string, text: string | undefined): HealthCheck =>
    counts ? { name, wrong: text } : { name, wrong: undefined, note: text };
  const listed = (what: string, shards: readonly number[]): string | undefined =>
    shards.length > 0 ? `${what}: ${named(shards)}` : undefined;
  const leaders = [listed('no leader known', noLeader), listed('the leader does not answer', unanswered)];
  const checks = [
    check('quorums', listed('too few live replicas', noQuorum)),
    check('leaders', leaders.filter((text) => text !== undefined).join('; ') || undefined),
  ];
  if (stalled === undefined) return checks;
  return [...checks, check('stalls', stalled.length > 0 ? `led, and ${nothingCommitted(stalled)}` : undefined)];
}

/**
 * Collects what `readiness` decides by. A router process has to ask the nodes for it, and so has a node under
 * `?strict`; otherwise a node answers at once, by what it knows.
 */
export async function checkReadiness(
  backend: Backend,
  statuses: StatusPoller,
  strict: boolean,
): Promise<readonly HealthCheck[]> {
  const mustAsk = (strict || backend.self === undefined) && backend.topology() !== undefined;
  return readinessOf(backend, strict, mustAsk ? await statuses.poll() : undefined);
}

/** Readiness from what this process knows now. @param answers the nodes' statuses, if they were asked */
export function readinessOf(backend: Backend, strict: boolean, answers?: Statuses): readonly HealthCheck[] {
  const health = backend.health();
  const own = { state: backend.state(), topology: backend.topology(), health };
  return readiness({ ...own, ...unservedShards(backend, health, answers), strict });
}
