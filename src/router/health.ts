/** Is this process up, and can it serve? Names what is missing. Knows no HTTP. */
import type { Backend } from './backend.js';
import { leaderAmong, replicasOf, type StatusAsker } from './leader-claims.js';

export interface HealthCheck {
  readonly name: string;
  /** Undefined if all is well, else what is wrong. */
  readonly wrong: string | undefined;
}

/** Shards named in one line at most. */
const MAX_NAMED = 16;

function named(shards: readonly number[]): string {
  const more = shards.length > MAX_NAMED ? `, and ${shards.length - MAX_NAMED} more` : '';
  return `shard ${shards.slice(0, MAX_NAMED).join(', ')}${more}`;
}

export async function checkReadiness(backend: Backend, statuses: StatusAsker): Promise<readonly HealthCheck[]> {
  const state = backend.state();
  const topology = backend.topology();
  const checks: HealthCheck[] = [
    { name: 'state', wrong: state === 'serving' ? undefined : `the process is ${state}` },
    { name: 'topology', wrong: topology === undefined ? 'the topology is not known yet' : undefined },
  ];
  if (topology === undefined) return checks;
  const noQuorum: number[] = [];
  const noLeader: number[] = [];
  for (const [shard, replicas] of topology.shards.entries()) {
    const alive = replicas.filter((node) => backend.alive(node)).length;
    if (alive * 2 <= replicas.length) noQuorum.push(shard);
    // Of the shards that it does not hold, a node cannot say whether they have a leader; their replicas do.
    const here = backend.self !== undefined && replicas.includes(backend.self);
    if (here && backend.leaderOf(shard) === undefined) noLeader.push(shard);
  }
  // A router of its own holds nothing and serves everything: it has to ask.
  if (backend.self === undefined) {
    const answers = await statuses.ask();
    for (const shard of topology.shards.keys()) {
      if (leaderAmong(replicasOf(answers, topology, shard)) === undefined) noLeader.push(shard);
    }
  }
  checks.push({
    name: 'quorums',
    wrong: noQuorum.length > 0 ? `too few live replicas: ${named(noQuorum)}` : undefined,
  });
  checks.push({ name: 'leaders', wrong: noLeader.length > 0 ? `no leader known: ${named(noLeader)}` : undefined });
  return checks;
}
