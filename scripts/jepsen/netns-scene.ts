/**
 * A scene of several hosts: each node and each router in a network namespace of its own, with its own address, and
 * links that are cut by the kernel. Packets are lost then, not streams: connections time out, and are made again.
 *
 * This process reaches all of them, whatever is cut.
 */
import { createWriteStream, mkdirSync, mkdtempSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LocalFaultControl, type RouterName } from '../../src/faults/index.js';
import { KernelLinks } from '../netns/links.js';
import { Namespaces } from '../netns/namespaces.js';
import { ControlledPrograms } from '../netns/processes.js';
import { assertCutsCut } from '../netns/reach.js';
import { slowDiskShim } from './slow-disk-shim.js';
import { CleanUp } from '../support/clean-up.js';
import { NodeProgram } from '../support/node-program.js';
import { cannotBeDone, PROXY_KINDS, SUPERVISOR_KINDS } from './kinds.js';
import type { Scene, SceneOptions } from './scene.js';
import { messageOf } from '../../src/thrown.js';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const PEER_PORT = 7000;
const HTTP_PORT = 8000;
const READY_LIMIT_MS = 60_000;
const GRACE_MS = 4_000;
const POLL_MS = 50;
const NO_NETEM =
  'links between network namespaces are only cut; delay and loss are done by the proxies, without --netns';
const NO_SUPERVISOR =
  'one process has the addresses of a node in its network namespace; others of its name are started without --netns';

/** @throws Error if the cluster does not come up; then nothing is left behind but its log */
export async function startNetnsScene(options: SceneOptions): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-jepsen-'));
  const cleanUp = new CleanUp();
  try {
    return await start(options, folder, cleanUp);
  } catch (error) {
    await cleanUp.run();
    const why = messageOf(error);
    throw new Error(`the cluster did not come up: ${why}; see ${join(folder, 'cluster.log')}`);
  }
}

async function start(options: SceneOptions, folder: string, cleanUp: CleanUp): Promise<Scene> {
  const cannot = cannotBeDone(options);
  for (const kind of options.kinds) {
    if (PROXY_KINDS.includes(kind)) cannot.set(kind, NO_NETEM);
    if (SUPERVISOR_KINDS.includes(kind)) cannot.set(kind, NO_SUPERVISOR);
  }
  const shim = await slowDiskShim(options.kinds, cannot);
  const numbers = Array.from({ length: options.nodes }, (_, index) => index + 1);
  const routerNames = Array.from({ length: options.routers }, (_, index): RouterName => `r${index + 1}`);
  const namespaces = Namespaces.open([...numbers, ...routerNames], cleanUp);
  const network = new KernelLinks(namespaces);
  const url = (party: number | RouterName): string => `http://${namespaces.address(party)}:${HTTP_PORT}`;
  const dataOf = (node: number): string => join(folder, 'data', `n${node}`);
  const { nodes, routers } = programs(options, { namespaces, numbers, routerNames, folder, dataOf, shim });
  const processes = new ControlledPrograms(nodes);
  let goneUnasked: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    goneUnasked = resolve;
  });
  cleanUp.add('stop the routers', async () => {
    await Promise.all(routers.map((router) => router.stopped(GRACE_MS)));
  });
  cleanUp.add('stop the nodes', () => processes.stopAll(GRACE_MS));
  for (const program of [...nodes, ...routers]) program.start();
  for (const router of routers) void router.ended.then(goneUnasked);
  await ready([...numbers, ...routerNames].map(url), [...nodes, ...routers]);
  if (options.nodes > 1) await assertCutsCut(namespaces, network, { from: 1, to: 2, port: HTTP_PORT });
  const control = new LocalFaultControl({
    nodes: numbers.map((node) => ({ name: `n${node}`, url: url(node), dataDir: dataOf(node) })),
    routers: routerNames.map((name) => ({ name, url: url(name) })),
    processes,
    network,
    hasShim: shim !== undefined,
  });
  const stop = async (): Promise<void> => {
    network.heal();
    const failures = await cleanUp.run();
    if (failures > 0) throw new Error('not all of the cluster could be taken away');
  };
  return { control, endpoints: [...routerNames, ...numbers].map(url), folder, cannot, ended, stop };
}

interface Places {
  readonly namespaces: Namespaces;
  readonly numbers: readonly number[];
  readonly routerNames: readonly RouterName[];
  readonly folder: string;
  readonly dataOf: (node: number) => string;
  readonly shim: string | undefined;
}

function programs({ replicas, shards }: SceneOptions, places: Places): Record<'nodes' | 'routers', NodeProgram[]> {
  const { namespaces, numbers, routerNames, folder, dataOf, shim } = places;
  const log = createWriteStream(join(folder, 'cluster.log'));
  const peer = (node: number): string => `${namespaces.address(node)}:${PEER_PORT}`;
  const members = numbers.map((node) => `n${node}=${peer(node)}@${namespaces.address(node)}:${HTTP_PORT}`);
  const common = { 'cluster-id': randomUUID(), 'log-level': 'info', insecure: true } as const;
  const about = (name: string, party: number | RouterName) => ({
    ...{ name, cli: CLI, behind: namespaces.behind(party) },
    onLine: (line: string) => log.write(`${name} | ${line}\n`),
  });
  const nodes = numbers.map((node) => {
    const data = dataOf(node);
    mkdirSync(data, { recursive: true, mode: 0o700 });
    const args = { ...common, name: `n${node}`, cluster: members.join(','), data, shards, replicas };
    return new NodeProgram({
      ...about(`n${node}`, node),
      args,
      env: shim === undefined ? {} : { LD_PRELOAD: shim },
    });
  });
  const routers = routerNames.map((name) => {
    const listen = `${namespaces.address(name)}:${HTTP_PORT}`;
    const args = { ...common, nodes: numbers.map(peer).join(','), listen };
    return new NodeProgram({ ...about(name, name), role: 'router', args });
  });
  return { nodes, routers };
}

async function ready(urls: readonly string[], all: readonly NodeProgram[]): Promise<void> {
  const startedAt = performance.now();
  const waiting = new Set(urls);
  while (waiting.size > 0) {
    for (const { name, running, lastOutput } of all) if (!running) throw new Error(`${name} ended: ${lastOutput}`);
    if (performance.now() - startedAt > READY_LIMIT_MS) throw new Error(`not ready after ${READY_LIMIT_MS} ms`);
    await Promise.all(
      [...waiting].map(async (url) => {
        if (await serves(url)) waiting.delete(url);
      }),
    );
    await pause(POLL_MS);
  }
}

async function serves(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz?strict`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
