/**
 * After healing, one node gets into trouble and is not repaired: the others have to serve every key before long, also
 * of shards that had become quiescent.
 *
 * Breaks and repairs the node; `run.ts` decides what the result means for the seed.
 */
import type { Client } from './client.js';
import { longestElectionMs } from './node-settings.js';
import type { Nemesis } from './nemesis.js';
import { Random } from '../random.js';
import type { Scheduler } from './scheduler.js';
import type { SimCluster } from './sim-cluster.js';
import type { VirtualNode } from './virtual-node.js';

export const TRIALS = ['hung', 'failed'] as const;

export interface TrialParameters {
  /** `hung`: the disk completes nothing. `failed`: a write has failed; the process runs on and is not restarted. */
  readonly kind: (typeof TRIALS)[number];
  /** Election timeouts without any client operation beforehand. */
  readonly lullElections: number;
  readonly seed: number;
}

export interface TrialScene {
  readonly cluster: SimCluster;
  readonly nemesis: Nemesis;
  readonly scheduler: Scheduler;
  readonly clients: readonly Client[];
  readonly keys: number;
  readonly trace: (what: string) => void;
  /** Another check has failed: the trial ends here. */
  readonly isOver: () => boolean;
}

/** Time to detect the fault, hand over or step down, and elect anew, with an occasional split vote. */
const GRACE_ELECTIONS = 10;
const GRACE_MS = 1_000;
const DEADLINE_ELECTIONS = 4;
const DEADLINE_MS = 3_000;

/** @returns what was not served; undefined if everything was, or if no node was suitable */
export async function runTrial(
  scene: TrialScene,
  { kind, lullElections, seed }: TrialParameters,
): Promise<string | undefined> {
  const { cluster, scheduler, clients, isOver, trace } = scene;
  const node = pickNode(cluster, new Random(seed));
  if (node === undefined) return undefined;
  const electionMs = longestElectionMs(cluster.nodes);
  const lullMs = lullElections * electionMs;
  for (const client of clients) client.rest(lullMs);
  await scheduler.until(isOver, lullMs);
  trace(`trial: n${node.id} ${kind}, and left alone`);
  cluster.shunned = node.id;
  const end = trouble(scene, node, kind);
  await scheduler.until(isOver, GRACE_ELECTIONS * electionMs + GRACE_MS, 100);
  const wrong = isOver() ? undefined : await askAll(scene, DEADLINE_ELECTIONS * electionMs + DEADLINE_MS);
  end();
  cluster.shunned = undefined;
  trace('trial: over');
  return wrong && `while n${node.id} alone is ${kind}: ${wrong}`;
}

/** A leader; only while all nodes serve and none is being restored, which does not vote: the others are a majority. */
function pickNode({ nodes }: SimCluster, random: Random): VirtualNode | undefined {
  if (!nodes.every(({ serving, damaged }) => serving && !damaged)) return undefined;
  const isConfined = [...nodes].some((node) =>
    [...node.replicas()].some(({ raft }) => raft.quarantinedBoot !== undefined),
  );
  if (isConfined) return undefined;
  const leaders = nodes.filter((node) => [...node.replicas()].some(({ id, raft }) => id > 0 && raft.role === 'leader'));
  return leaders.length === 0 ? undefined : random.pick(leaders);
}

function trouble({ cluster, nemesis }: TrialScene, node: VirtualNode, kind: TrialParameters['kind']): () => void {
  const disk = cluster.disk(node.id);
  if (kind === 'hung') {
    disk.hang();
    return () => {
      disk.resume();
    };
  }
  node.failing = true;
  disk.faults.failNextSync = 'failure';
  nemesis.leaveAlone(node);
  return () => {
    disk.faults.failNextSync = undefined;
    nemesis.leaveAlone(undefined);
    node.kill('process');
    node.start();
  };
}

/** One client reads every key, and every client must have operations served. */
async function askAll(
  { clients, keys, scheduler, isOver }: TrialScene,
  deadlineMs: number,
): Promise<string | undefined> {
  const [reader] = clients;
  const unanswered = new Set<number>();
  const before = clients.map(({ served }) => served);
  for (let key = 1; key <= keys; key++) {
    unanswered.add(key);
    reader?.read(`k${key}`, deadlineMs, (answered) => {
      if (answered) unanswered.delete(key);
    });
  }
  const waiting = (): number => clients.filter(({ served }, i) => served === before[i]).length;
  await scheduler.until(() => isOver() || (unanswered.size === 0 && waiting() === 0), deadlineMs + 100, 50);
  if (isOver()) return undefined;
  if (unanswered.size > 0) return `reads of ${[...unanswered].map((key) => `k${key}`).join(' ')} were not answered`;
  return waiting() > 0 ? `${waiting()} of ${clients.length} clients were not served` : undefined;
}
