/** Three nodes and a router as processes, each of which can be stopped and started again with another build. */
import getPort from 'get-port';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { NodeProgram } from '../support/node-program.js';

const READY_LIMIT_MS = 60_000;
const POLL_MS = 100;
/** Time for a stop, which first transfers leadership. */
const STOP_GRACE_MS = 10_000;

interface Party {
  readonly name: string;
  readonly url: string;
  readonly role: 'node' | 'router';
  readonly args: Readonly<Record<string, string | number | true>>;
  program: NodeProgram;
}

export class CompatCluster {
  readonly #parties: readonly Party[];
  readonly #log: (line: string) => void;

  private constructor(parties: readonly Party[], log: (line: string) => void) {
    this.#parties = parties;
    this.#log = log;
  }

  /** @param cli of the build that all start with. @throws if the cluster does not come up */
  static async start(folder: string, cli: string, shards: number): Promise<CompatCluster> {
    const log = createWriteStream(join(folder, 'cluster.log'));
    const write = (line: string): void => void log.write(`${line}\n`);
    const place = async (): Promise<string> => `127.0.0.1:${await getPort({ host: '127.0.0.1' })}`;
    const nodes: { name: string; peer: string; http: string }[] = [];
    for (const name of ['n1', 'n2', 'n3']) nodes.push({ name, peer: await place(), http: await place() });
    const cluster = nodes.map(({ name, peer, http }) => `${name}=${peer}@${http}`).join(',');
    const common = { 'log-level': 'info' } as const;
    const listen = await place();
    const parties = [
      ...nodes.map(({ name, http }) => ({
        ...{ name, url: `http://${http}`, role: 'node' as const },
        args: { ...common, name, cluster, shards, data: join(folder, name) },
      })),
      {
        ...{ name: 'router', url: `http://${listen}`, role: 'router' as const },
        args: { ...common, listen, nodes: nodes.map(({ peer }) => peer).join(',') },
      },
    ];
    const begun = new CompatCluster(
      parties.map((party) => ({ ...party, program: programOf(party, cli, write) })),
      write,
    );
    for (const { program } of begun.#parties) program.start();
    try {
      for (const party of begun.#parties) await serving(party);
    } catch (error) {
      await begun.stop();
      throw error;
    }
    return begun;
  }

  /** The order of restarts: a router between two nodes. */
  get names(): readonly string[] {
    return ['n1', 'router', 'n2', 'n3'];
  }

  get endpoints(): readonly string[] {
    return this.#parties.map(({ url }) => url);
  }

  /** @returns how long it was down, in ms. @throws if it does not serve again */
  async restart(name: string, cli: string): Promise<number> {
    const party = this.#parties.find((one) => one.name === name);
    if (party === undefined) throw new Error(`there is no process named ${name}`);
    const startedAt = performance.now();
    await party.program.stopped(STOP_GRACE_MS);
    party.program = programOf(party, cli, this.#log);
    party.program.start();
    await serving(party);
    return performance.now() - startedAt;
  }

  /** Processes that have ended without being stopped. */
  ended(): string[] {
    return this.#parties
      .filter(({ program }) => !program.running)
      .map(({ name, program }) => `${name} ended: ${program.lastOutput}`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#parties.map(({ program }) => program.stopped(STOP_GRACE_MS)));
  }
}

function programOf(
  { name, role, args }: Omit<Party, 'program'>,
  cli: string,
  log: (line: string) => void,
): NodeProgram {
  const onLine = (line: string): void => {
    log(`${name} | ${line}`);
  };
  return new NodeProgram({ name, cli, role, args, onLine });
}

async function serving({ name, url, program }: Party): Promise<void> {
  const giveUpAt = performance.now() + READY_LIMIT_MS;
  while (!(await isReady(url))) {
    if (!program.running) throw new Error(`${name} ended: ${program.lastOutput}`);
    if (performance.now() > giveUpAt) throw new Error(`${name} is not ready after ${READY_LIMIT_MS} ms`);
    await pause(POLL_MS);
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
