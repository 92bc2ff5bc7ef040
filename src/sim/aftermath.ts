/** What must be true after all faults: replicas catch up while clients go on, and what was written can be read. */
import type { Client } from './client.js';
import { behind, commitsOf } from './groups.js';
import { keyNames } from './programs.js';
import type { Scenario } from './scenario.js';
import type { Scheduler } from './scheduler.js';
import type { SimCluster } from './sim-cluster.js';
import type { SideLoads } from './side-loads.js';

export interface AftermathScene {
  readonly cluster: SimCluster;
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly clients: readonly Client[];
  readonly load: SideLoads;
  /** Another check has failed. */
  readonly isOver: () => boolean;
}

/** How often a narrow link may carry the whole state before a replica has it, since entries share the link. */
const CARRIED_TIMES = 4;
const READ_BACK_MS = 10_000;
/** What a transaction that was begun in time may take longer. */
const LAST_TRY_MS = 4_000;

/** All replicas soon apply what is committed anywhere by now, whatever else is written. @returns who did not */
export async function catchUp(scene: AftermathScene, boundMs: number, stepMs: number): Promise<string | undefined> {
  const { cluster, scenario, scheduler, isOver } = scene;
  const due = commitsOf(cluster);
  const { narrow } = scenario.network;
  const stateBytes = Math.max(...[...cluster.disks.values()].map((disk) => disk.stateBytes));
  const carryMs = narrow === undefined ? 0 : (CARRIED_TIMES * stateBytes) / narrow.bytesPerMs;
  const isLevel = (): boolean => isOver() || behind(cluster, due).length === 0;
  if (await scheduler.until(isLevel, boundMs + carryMs, stepMs)) return undefined;
  return `while clients go on: ${behind(cluster, due).join('; ')}`;
}

/** Every client reads every key, through any endpoint; and every list is written once more. @returns what failed */
export async function readBack(scene: AftermathScene): Promise<string | undefined> {
  const { scenario, scheduler, clients, load, isOver } = scene;
  const answers: boolean[] = [];
  let asked = load.readBack(READ_BACK_MS, (ok) => answers.push(ok));
  for (const client of clients) {
    for (const key of keyNames(scenario)) {
      asked++;
      client.read(key, READ_BACK_MS, (answered) => answers.push(answered));
    }
  }
  await scheduler.until(() => isOver() || answers.length === asked, READ_BACK_MS + LAST_TRY_MS);
  const served = answers.filter((answered) => answered).length;
  if (isOver() || served === asked) return undefined;
  return `${asked - served} of ${asked} reads, or writes of all lists, after healing were not answered`;
}
