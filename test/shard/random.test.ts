/**
 * Whole nodes under random faults, in virtual time from a seed: kills, restarts, partitions, lost messages, slow disks,
 * tiny checkpoints. Clients write and read a few keys all the while.
 *
 * What is checked needs no search: a key's version counts its writes, so it orders them. A read must see at least the
 * highest version that was acknowledged, or read, before it began, and never more than were begun; two writes never
 * get the same version, nor one write two; what is read under a version is what was written under it. At the end
 * everything heals: every shard is served, and all replicas are in the same state.
 *
 * More seeds: `KVORUM_FIRST_SEED=100 KVORUM_SEEDS=500 npx vitest run test/shard/random.test.ts`.
 */
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/random.js';
import { type Answer, type Storage } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

const KEYS = ['a', 'b', 'c', 'd'];

class KeyHistory {
  floor = 0;
  begun = 0;
  readonly bodies = new Map<number, string>();
  readonly versions = new Map<string, number>();

  wrote(answer: Answer, body: string): void {
    if (answer.type !== 'put') return;
    this.sees(answer.version, body);
    this.floor = Math.max(this.floor, answer.version);
  }

  /** `floor`: the highest version known to be committed when the read began. */
  read(answer: Answer, floor: number): void {
    if (answer.type !== 'get') return;
    const version = answer.record?.version ?? 0;
    expect(version).toBeGreaterThanOrEqual(floor);
    expect(version).toBeLessThanOrEqual(this.begun);
    if (answer.record !== undefined) this.sees(version, Buffer.from(answer.record.body).toString());
    this.floor = Math.max(this.floor, version);
  }

  sees(version: number, body: string): void {
    expect(this.bodies.get(version) ?? body).toBe(body);
    this.bodies.set(version, body);
    // Bodies are unique: one under two versions was applied twice.
    expect(this.versions.get(body) ?? version).toBe(version);
    this.versions.set(body, version);
  }
}

class Chaos {
  readonly histories = new Map(KEYS.map((key) => [key, new KeyHistory()]));
  readonly counts = { ok: 0, refused: 0, faults: 0 };
  #running = 0;
  #serial = 0;
  stopping = false;

  constructor(
    readonly cluster: VirtualCluster,
    readonly random: () => number,
  ) {}

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!;
  }

  client(): void {
    this.#running++;
    const next = (): void => {
      if (this.stopping) this.#running--;
      else this.#operation().then(() => this.cluster.runtime.after(this.random() * 40, next), fail);
    };
    const fail = (error: unknown): void => {
      this.#running--;
      this.failure = error;
    };
    next();
  }

  failure: unknown;

  get idle(): boolean {
    return this.#running === 0;
  }

  async #operation(): Promise<void> {
    const key = this.pick(KEYS);
    const history = this.histories.get(key)!;
    if (this.random() < 0.5) {
      const { floor } = history;
      const answer = await this.cluster.startGet(key);
      this.#count(answer);
      history.read(answer, floor);
    } else {
      const body = `${++this.#serial}-${'.'.repeat(Math.floor(this.random() * 200))}`;
      history.begun++;
      const answer = await this.cluster.startPut(key, body);
      this.#count(answer);
      history.wrote(answer, body);
    }
  }

  #count(answer: Answer): void {
    if (answer.type === 'refused') this.counts.refused++;
    else this.counts.ok++;
  }

  async fault(): Promise<void> {
    const { cluster } = this;
    const ids = cluster.clusterConfig.nodes.map((n) => n.id);
    const down = ids.filter((id) => !cluster.nodes.has(id));
    const kind = this.pick(['kill', 'kill', 'restart', 'restart', 'partition', 'one-way', 'lossy', 'heal']);
    this.counts.faults++;
    if (kind === 'kill') await cluster.kill(this.pick([...cluster.nodes.keys()]));
    else if (kind === 'restart' && down.length > 0) await cluster.startNode(this.pick(down));
    else if (kind === 'heal') cluster.network.dropWhen(undefined);
    else if (kind === 'lossy') cluster.network.dropWhen(() => this.random() < 0.2);
    else if (kind === 'one-way') {
      const from = this.pick(ids);
      cluster.network.dropWhen((a, b) => a === from && b <= ids.length);
    } else if (kind === 'partition') {
      const side = new Set(ids.filter(() => this.random() < 0.5));
      cluster.network.dropWhen((a, b) => a <= ids.length && b <= ids.length && side.has(a) !== side.has(b));
    }
    if (cluster.nodes.size === 0) await cluster.startNode(this.pick(ids));
  }
}

const ORDERED: readonly (string | symbol)[] = ['commit', 'stageChunk', 'install'];

/** Writes are delayed by `later`, and keep their order, as the port requires. */
function slow(storage: Storage, later: (task: () => void) => void): Storage {
  let last: Promise<unknown> = Promise.resolve();
  const inOrder = (write: () => Promise<unknown>): Promise<unknown> => {
    const before = last;
    last = new Promise((resolve, reject) => {
      later(() => {
        before.then(write).then(resolve, reject);
      });
    });
    return last;
  };
  return new Proxy(storage, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      const call = (value as (...args: unknown[]) => Promise<unknown>).bind(target);
      return ORDERED.includes(name) ? (...args: unknown[]) => inOrder(() => call(...args)) : call;
    },
  });
}

async function storm(seed: number): Promise<Chaos> {
  const random = seededRandom(seed);
  const cluster = await VirtualCluster.start({
    nodes: seed % 2 === 0 ? 3 : 5,
    shards: 2,
    seed,
    node: { checkpoints: { bytes: 2_000, keepEntries: 3, followerBytes: 1_000 } },
    storage: (_, storage, runtime) => slow(storage, (task) => runtime.after(random() < 0.1 ? random() * 400 : 1, task)),
  });
  const chaos = new Chaos(cluster, random);
  for (let i = 0; i < 6; i++) chaos.client();
  for (let i = 0; i < 30; i++) {
    await cluster.runtime.run(100 + random() * 700);
    await chaos.fault();
  }
  cluster.network.dropWhen(undefined);
  for (const { id } of cluster.clusterConfig.nodes) if (!cluster.nodes.has(id)) await cluster.startNode(id);
  await cluster.runtime.run(3_000);
  chaos.stopping = true;
  await cluster.runtime.until(() => chaos.idle, 10_000);
  return chaos;
}

describe('under random faults', () => {
  const first = Number(process.env['KVORUM_FIRST_SEED'] ?? 1);
  const count = Number(process.env['KVORUM_SEEDS'] ?? 30);
  for (let seed = first; seed < first + count; seed++) {
    it(`s72 s76 nothing acknowledged is lost, no read is stale, all heals (seed ${seed})`, async () => {
      const chaos = await storm(seed);
      if (chaos.failure !== undefined) throw chaos.failure as Error;
      expect(chaos.counts.ok).toBeGreaterThan(100);
      expect(chaos.idle).toBe(true);
      const { cluster } = chaos;
      expect(await cluster.runtime.until(() => cluster.everyShardHasALeader() && cluster.converged())).toBe(true);
      for (const key of KEYS) {
        const history = chaos.histories.get(key)!;
        history.read(await cluster.get(key), history.floor);
      }
    });
  }
});
