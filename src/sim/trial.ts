/**
 * When all is well again, one node alone gets into trouble and is left alone with it: the others have to serve every
 * key before long, also of shards that had fallen quiet.
 *
 * Knows how a node is brought into trouble and out of it; what follows for the seed, `run.ts` knows.
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
  /** `hung`: its disk completes nothing. `failed`: a write has failed; the process goes on, and nobody starts it again. */
  readonly kind: (typeof TRIALS)[number];
  /** Election timeouts for which nobody asks for anything before. */
  readonly lullElections: number;
  readonly seed: number;
}

export interface TrialScene {
  readonly cluster: SimCluster;
  readonly nemesis: Nemesis;
  readonly scheduler: Scheduler;
  readonly clients: readonly Client[];
  readonly keys: number;
  readonly tell: (what: string) => void;
  /** Something else was found wrong: it ends here. */
  readonly isOver: () => boolean;
}

/** Found out, handed over or stepped down, and elected anew, with votes that are split now and then. */
const GRACE_ELECTIONS = 10;
const GRACE_MS = 1_000;
const DEADLINE_ELECTIONS = 4;
const DEADLINE_MS = 3_000;

/** @returns what was not served; undefined if all was, or if there was no node to try it on */
export async function standTrial(
  scene: TrialScene,
  { kind, lullElections, seed }: TrialParameters,
): Promise<string | undefined> {
  const { cluster, scheduler, clients, isOver, tell } = scene;
  const node = pickNode(cluster, new Random(seed));
  if (node === undefined) return undefined;
  const electionMs = longestElectionMs(cluster.nodes);
  const lullMs = lullElections * electionMs;
  for (const client of clients) client.rest(lullMs);
  await scheduler.until(isOver, lullMs);
  tell(`trial: n${node.id} ${kind}, and left alone`);
  cluster.shunned = node.id;
  const end = trouble(scene, node, kind);
  await scheduler.until(isOver, GRACE_ELECTIONS * electionMs + GRACE_MS, 100);
  const wrong = isOver() ? undefined : await askAll(scene, DEADLINE_ELECTIONS * electionMs + DEADLINE_MS);
  end();
  cluster.shunned = undefined;
  tell('trial: over');
  return wrong && `while n${node.id} alone is ${kind}: ${wrong}`;
}

/** A leader, where no other is needed for a majority: not while one has to be brought up, which does not vote. */
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
      disk.goOn();
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

/** One client reads every key, and every client is served. */
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
