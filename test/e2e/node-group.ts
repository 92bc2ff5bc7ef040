/** Nodes started one by one with `kvorum node`, as on three machines: each can be killed and started again alone. */
import getPort from 'get-port';
import axios, { type AxiosResponse } from 'axios';
import { join } from 'node:path';
import { kvorum, until, type Program, type Scene } from './processes.js';

export interface GroupNode {
  readonly name: string;
  readonly url: string;
  readonly peer: string;
  readonly data: string;
  readonly program: Program;
}

/** Any status resolves, redirections too; only a broken connection throws. Bodies stay text. */
export const http = axios.create({
  validateStatus: () => true,
  maxRedirects: 0,
  timeout: 10_000,
  responseType: 'text',
  transformResponse: (body: unknown) => body,
});

export const json = (response: AxiosResponse<unknown>): Record<string, unknown> =>
  JSON.parse(String(response.data)) as Record<string, unknown>;

export class NodeGroup {
  readonly #scene: Scene;
  readonly #folder: string;
  readonly #args: readonly string[];
  readonly #env: Readonly<Record<string, string>>;
  readonly #under: readonly string[];
  readonly #disks: string | Readonly<Record<string, string>>;
  readonly #nodes = new Map<string, GroupNode>();
  #members: { name: string; peer: string; http: string }[] = [];

  /** `under`: see `kvorum`. `disks`: where data folders are to be, of all nodes or of those named; else in one of ours. */
  constructor(
    scene: Scene,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
    under: readonly string[] = [],
    disks: string | Readonly<Record<string, string>> = {},
  ) {
    this.#disks = disks;
    this.#under = under;
    this.#scene = scene;
    this.#folder = scene.folder();
    this.#args = args;
    this.#env = env;
  }

  get names(): string[] {
    return this.#members.map(({ name }) => name);
  }

  get cluster(): string {
    return this.#members.map(({ name, peer, http: place }) => `${name}=${peer}@${place}`).join(',');
  }

  /** Starts all and waits until each reports that it can serve every shard. */
  async start(count = 3): Promise<this> {
    await this.addMembers(count);
    for (const name of this.names) this.startNode(name);
    await this.ready();
    return this;
  }

  /** Starts none. */
  async addMembers(count: number): Promise<void> {
    for (let i = 1; i <= count; i++) {
      const [peer, place] = [await getPort({ host: '127.0.0.1' }), await getPort({ host: '127.0.0.1' })];
      this.#members.push({ name: `n${i}`, peer: `127.0.0.1:${peer}`, http: `127.0.0.1:${place}` });
    }
  }

  startNode(name: string, more: readonly string[] = []): GroupNode {
    const member = this.#members.find((candidate) => candidate.name === name);
    if (member === undefined) throw new Error(`no member ${name}`);
    const disk = typeof this.#disks === 'string' ? this.#disks : this.#disks[name];
    const data = join(disk ?? this.#folder, name);
    const program = this.#run(name, ['--data', data, ...more]);
    const node = { name, url: `http://${member.http}`, peer: member.peer, data, program };
    this.#nodes.set(name, node);
    return node;
  }

  /** A second process of a member, which the group does not track. */
  startCopy(name: string, args: readonly string[]): Program {
    return this.#run(name, args);
  }

  #run(name: string, args: readonly string[]): Program {
    const own = ['node', '--name', name, '--cluster', this.cluster];
    return this.#scene.keep(kvorum([...own, ...this.#args, ...args], this.#env, this.#under));
  }

  node(name: string): GroupNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`${name} was not started`);
    return node;
  }

  all(): GroupNode[] {
    return this.names.map((name) => this.node(name));
  }

  async ready(names: readonly string[] = this.names): Promise<void> {
    for (const name of names) {
      const { url, program } = this.node(name);
      await until(`${name} is ready`, async () => {
        if (program.child.exitCode !== null) throw new Error(`${name} ended:\n${program.output}`);
        return (await statusOf(`${url}/readyz?strict`)) === 200;
      });
    }
  }

  /** Name of the node that leads the key's shard, as the first of `ask` says. */
  async leaderOf(key: string, ask: string): Promise<string> {
    let leader: string | undefined;
    await until(`the shard of ${key} has a leader`, async () => {
      const where = json(await http.get(`${this.node(ask).url}/v1/where/${key}`));
      leader = leaderName(where);
      return leader !== undefined;
    });
    return leader ?? '';
  }
}

/** `leader` is a node: its name, or an object with one. */
export function leaderName(where: Record<string, unknown>): string | undefined {
  const { leader } = where;
  if (typeof leader === 'string') return leader;
  if (typeof leader === 'number') return `n${leader}`;
  if (typeof leader === 'object' && leader !== null && 'name' in leader) return String(leader.name);
  return undefined;
}

export async function statusOf(url: string): Promise<number | undefined> {
  try {
    return (await http.get(url)).status;
  } catch {
    return undefined;
  }
}
