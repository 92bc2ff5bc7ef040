/**
 * What `kvorum start --faults` adds to a local cluster: proxies in all links, further routers, the control API; in
 * which order they start and stop. Without `--faults` none of it exists: no proxy, no port, no file.
 */
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import getPort from 'get-port';
import { formatAddress, formatDetours, type Detour, type Member, type StartConfig } from '../config/index.js';
import { LOOPBACK } from '../loopback.js';
import {
  ControlServer,
  FaultNetwork,
  LocalFaultControl,
  writeFaultsFile,
  removeFaultsFile,
  type Party,
  type RouterName,
  type RouterView,
} from '../faults/index.js';
import type { LocalCluster } from './local-cluster.js';
import { NodeProcess } from './node-process.js';
import { fileLevel, type Screen } from './screen.js';

export interface FaultRigOptions {
  readonly config: StartConfig;
  readonly clusterId: string;
  readonly members: readonly Member[];
  /** Path of this program. */
  readonly script: string;
  readonly screen: Screen;
}

const POLL_MS = 50;
const SHIM = 'slow-sync';

const routerName = (index: number): RouterName => `r${index + 1}`;

export class FaultRig {
  readonly #options: FaultRigOptions;
  readonly #network: FaultNetwork;
  /** All but the first, which runs in the supervisor. */
  readonly #routers: { readonly process: NodeProcess; readonly view: RouterView }[] = [];
  #server: ControlServer | undefined;
  #control: LocalFaultControl | undefined;
  #processes: LocalCluster | undefined;

  private constructor(options: FaultRigOptions, network: FaultNetwork) {
    this.#options = options;
    this.#network = network;
  }

  /** All proxies listen when it settles. */
  static async open(options: FaultRigOptions): Promise<FaultRig> {
    const { config, members } = options;
    const network = await FaultNetwork.open({
      nodes: members.map(({ peer }) => peer),
      routers: Array.from({ length: config.routers }, (_, index) => routerName(index)),
    });
    return new FaultRig(options, network);
  }

  detours(party: Party): readonly Detour[] {
    return this.#network.detours(party);
  }

  /** Starts the further routers and the control API. @param firstRouterUrl of the router in this process */
  async begin(processes: LocalCluster, firstRouterUrl: string): Promise<void> {
    const { config, members } = this.#options;
    for (let index = 1; index < config.routers; index++) await this.#addRouter(routerName(index));
    const control = new LocalFaultControl({
      nodes: members.map(({ name, http }) => ({
        name,
        url: `http://${formatAddress(http)}`,
        dataDir: join(config.dataDir, name),
      })),
      routers: [{ name: 'r1', url: firstRouterUrl }, ...this.#routers.map(({ view }) => view)],
      processes,
      network: this.#network,
      hasShim: (process.env['LD_PRELOAD'] ?? '').includes(SHIM),
    });
    this.#control = control;
    this.#processes = processes;
    this.#server = new ControlServer(control);
    writeFaultsFile(config.dataDir, { url: await this.#server.listen(), pid: process.pid });
  }

  /** Settles when every further router can serve, or at `signal`. */
  async routersReady(signal: AbortSignal): Promise<void> {
    for (const { view } of this.#routers) {
      while (!signal.aborted && !(await serves(view.url, signal))) {
        await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Ends all faults and heals the links, so that the nodes can hand over leadership. */
  async calm(): Promise<void> {
    await this.#server?.close();
    removeFaultsFile(this.#options.config.dataDir);
    this.#network.heal();
    await this.#processes?.endFurther();
    await this.#control?.close();
  }

  /** After the nodes. */
  async close(): Promise<void> {
    await this.#network.close();
  }

  async stopRouters(graceMs: number): Promise<void> {
    await Promise.all(this.#routers.map(({ process: router }) => router.stop(graceMs)));
  }

  async #addRouter(name: RouterName): Promise<void> {
    const { config, members, clusterId, script, screen } = this.#options;
    const listen = `${LOOPBACK}:${await getPort({ host: LOOPBACK })}`;
    const settings = {
      nodes: members.map(({ peer }) => formatAddress(peer)).join(','),
      via: formatDetours(this.detours(name)),
      listen,
      'cluster-id': clusterId,
      'log-level': fileLevel(config.logLevel),
      ...(config.allowedHosts.length === 0 ? {} : { 'allowed-hosts': config.allowedHosts.join(',') }),
    };
    const router = new NodeProcess({
      name,
      script,
      args: ['router', ...Object.entries(settings).map(([flag, value]) => `--${flag}=${value}`)],
      onLine: (line) => {
        screen.nodeLine(name, line);
      },
      onExit: ({ requested, pid, manner }) => {
        if (!requested) screen.print(`router ${name} (pid ${pid}) ${manner}; it is not restarted`);
      },
    });
    router.start();
    this.#routers.push({ process: router, view: { name, url: `http://${listen}` } });
  }
}

async function serves(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz?strict`, { signal })).ok;
  } catch {
    return false;
  }
}
