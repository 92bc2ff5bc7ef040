/**
 * Another cluster with the same name, settings and addresses as a local one, for the fault `stray-node`: one of its
 * nodes is started at an address of this cluster.
 *
 * Its nodes run once, at ports of their own, where they dial each other by `--via`, store some data, and are killed;
 * their folders (`n1.stray`, …) stay until the end.
 */
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import getPort from 'get-port';
import { formatAddress, formatDetours, type Address, type Member } from '../config/index.js';
import { LOOPBACK } from '../loopback.js';
import type { NodeProcess } from './node-process.js';

/** Flags that differ from those of an ordinary node. */
export type Flags = Readonly<Record<string, string>>;

export interface ForeignClusterOptions {
  readonly members: readonly Member[];
  /** The folder of a member in the other cluster. */
  readonly folderOf: (member: Member) => string;
  /** A process of the member with these flags; not started yet. */
  readonly processOf: (member: Member, flags: Flags) => NodeProcess;
}

/** Enough for every shard to have some. */
const KEYS = 64;
const LIMIT_MS = 60_000;
const POLL_MS = 50;
const ASK_LIMIT_MS = 2_000;

interface ForeignNode {
  readonly process: NodeProcess;
  readonly url: string;
}

export class ForeignCluster {
  readonly #options: ForeignClusterOptions;
  #made: Promise<void> | undefined;
  #running: readonly ForeignNode[] = [];
  #closed = false;

  constructor(options: ForeignClusterOptions) {
    this.#options = options;
  }

  /** The first call creates the cluster, which takes seconds. @throws if it does not come up */
  async folder(node: number): Promise<string> {
    this.#made ??= this.#make();
    // The next call tries again.
    await this.#made.catch((error: unknown) => {
      this.#made = undefined;
      throw error;
    });
    const member = this.#options.members[node - 1];
    if (member === undefined) throw new RangeError(`there is no node ${node}`);
    return this.#options.folderOf(member);
  }

  /** Settles when its processes are gone; none will be started any more. */
  async end(): Promise<void> {
    this.#closed = true;
    await this.#kill();
  }

  /** Also removes those of an earlier start. */
  async removeFolders(): Promise<void> {
    const { members, folderOf } = this.#options;
    await Promise.all(members.map((member) => rm(folderOf(member), { recursive: true, force: true })));
  }

  async #make(): Promise<void> {
    await this.removeFolders();
    const { members, folderOf, processOf } = this.#options;
    const places: { readonly member: Member; readonly peer: Address; readonly http: Address }[] = [];
    for (const member of members) {
      const [peer, http] = [await getPort({ host: LOOPBACK }), await getPort({ host: LOOPBACK })];
      places.push({ member, peer: { host: LOOPBACK, port: peer }, http: { host: LOOPBACK, port: http } });
    }
    const via = formatDetours(places.map(({ member, peer }) => ({ to: member.peer, through: peer })));
    if (this.#closed) throw new Error('the cluster is stopping');
    this.#running = places.map(({ member, peer, http }) => {
      const listen = { 'listen-peer': formatAddress(peer), 'listen-http': formatAddress(http) };
      const process = processOf(member, { data: folderOf(member), via, ...listen });
      process.start();
      return { process, url: `http://${formatAddress(http)}` };
    });
    try {
      const giveUpAt = performance.now() + LIMIT_MS;
      await this.#until(giveUpAt, () => everyOne(this.#running, ({ url }) => answers(`${url}/readyz?strict`)));
      const url = this.#running[0]?.url ?? '';
      for (let key = 0; key < KEYS; key++) {
        const body = 'of the other cluster';
        await this.#until(giveUpAt, () => answers(`${url}/v1/kv/stray-${key}`, { method: 'PUT', body }));
      }
    } finally {
      await this.#kill();
    }
  }

  async #kill(): Promise<void> {
    await Promise.all(this.#running.map(({ process }) => process.kill()));
  }

  async #until(giveUpAt: number, holds: () => Promise<boolean>): Promise<void> {
    while (!(await holds())) {
      const gone = this.#running.find(({ process }) => !process.running);
      if (gone !== undefined) throw new Error(`${gone.process.name} ${gone.process.exit?.manner ?? 'is gone'}`);
      if (performance.now() > giveUpAt) throw new Error(`the other cluster was not ready within ${LIMIT_MS} ms`);
      await pause(POLL_MS);
    }
  }
}

const everyOne = async <T>(all: readonly T[], holds: (one: T) => Promise<boolean>): Promise<boolean> =>
  (await Promise.all(all.map(holds))).every(Boolean);

async function answers(url: string, request: RequestInit = {}): Promise<boolean> {
  try {
    return (await fetch(url, { ...request, signal: AbortSignal.timeout(ASK_LIMIT_MS) })).ok;
  } catch {
    return false;
  }
}
