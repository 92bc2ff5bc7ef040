/**
 * A client of ranges: writes keys and deletes ranges of them, pages through ranges with cursors, reads streams slowly,
 * counts, and creates, fills and erases small namespaces; one after another, through one of the cluster's endpoints.
 */
import { deleteRange, dropNamespace, isEmptyRange } from '../router/index.js';
import { shardOfKey } from '../shard/index.js';
import type { ClientEndpoint } from './client.js';
import type { MachineClock } from './clock.js';
import type { Mark } from './marks.js';
import { UNNAMED } from './operation-ids.js';
import type { Random } from '../random.js';
import {
  everything,
  namespaceOf,
  namespacesRange,
  planDeletion,
  planLimits,
  planNamespaceWrite,
  planWrite,
  type NamedRange,
  type Unsent,
} from './range-programs.js';
import { RangeReader } from './range-reader.js';
import type { ReadQuery } from './range-oracle.js';
import type { RangeTools } from './range-tools.js';
import { RangeWriter } from './range-writer.js';
import type { Reference } from './reference.js';
import { Requester } from './requester.js';
import type { RangeParameters, Scenario } from './scenario.js';
import type { ScheduledEvent, Scheduler } from './scheduler.js';

export interface RangeClientOptions {
  readonly number: number;
  readonly scenario: Scenario;
  readonly parameters: RangeParameters;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly reference: Reference;
  readonly clock: MachineClock;
  readonly endpoints: () => readonly ClientEndpoint[];
  readonly nodes: RangeTools['nodes'];
  readonly trace: (what: string) => void;
  readonly onTrouble: (what: string) => void;
  readonly onViolation: (what: string) => void;
  readonly reached: (mark: Mark) => void;
}

export class RangeClient {
  readonly #options: RangeClientOptions;
  readonly #tools: RangeTools;
  readonly #writer: RangeWriter;
  readonly #reader: RangeReader;
  #stopping = false;
  #idle = true;
  #thinking: ScheduledEvent | undefined;
  readonly counts = { ok: 0, failed: 0, unknown: 0 };

  constructor(options: RangeClientOptions) {
    this.#options = options;
    this.#tools = this.#toolsOf(options);
    this.#writer = new RangeWriter(this.#tools);
    this.#reader = new RangeReader(this.#tools);
  }

  get idle(): boolean {
    return this.#idle;
  }

  /** Requests that succeeded. */
  get served(): number {
    return this.counts.ok;
  }

  start(): void {
    this.#idle = false;
    this.#later();
  }

  /** Finishes what is under way and starts no more. */
  stop(): void {
    this.#stopping = true;
    if (this.#thinking === undefined) return;
    this.#thinking.cancelled = true;
    this.#idle = true;
  }

  /** @returns what only shows at the end, if it is wrong */
  judge(): string | undefined {
    return this.#writer.judge();
  }

  /** Reads all keys, and all namespaces; tries again until it succeeds or the time is over. */
  readAll(withinMs: number, done: (ok: boolean) => void): void {
    const { scheduler } = this.#options;
    const until = scheduler.now + withinMs;
    const read = (range: NamedRange, content: ReadQuery['content'], next: () => void): void => {
      const query = { ...range, content, reverse: false, grouping: undefined };
      const how = { limit: 1_000, shareRows: undefined, consistency: 'linearizable' } as const;
      const plan = { name: 'read all', query, ...how, deadlineMs: 3_000, mostFailures: 0 };
      this.#reader.scan(plan, (isWhole) => {
        if (isWhole) next();
        else if (scheduler.now >= until) done(false);
        else read(range, content, next);
      });
    };
    read(everything(this.#tools), 'values', () => {
      read(namespacesRange(this.#tools), 'namespaces', () => {
        done(true);
      });
    });
  }

  #toolsOf(options: RangeClientOptions): RangeTools {
    const { number, scenario, parameters, scheduler, random, reference, endpoints, trace, onViolation } = options;
    const { onTrouble } = options;
    let serial = 0;
    return {
      ...options,
      shards: scenario.shards,
      requester: new Requester({ scheduler, random, delayMs: scenario.network.delayMs, endpoints, onTrouble }),
      histories: (shard) => reference.historyOf(shard),
      freshValue: () => `${number}.${++serial}`.padEnd(random.integer(1, parameters.valueBytes), '.'),
      revisionOf: (shard) => reference.appliedOf(shard + 1),
      concluded: (name, how) => {
        this.counts[how]++;
        trace(`client r${number}: ${name}: ${how}`);
      },
      violated: (what) => {
        onViolation(`client r${number}: ${what}`);
      },
    };
  }

  #later(): void {
    const { random, parameters, scheduler } = this.#options;
    if (this.#stopping) {
      this.#idle = true;
      return;
    }
    this.#thinking = scheduler.after(-parameters.thinkMs * Math.log(1 - random.next()), undefined, () => {
      this.#thinking = undefined;
      this.#next();
    });
  }

  #next(): void {
    const tools = this.#tools;
    const done = (): void => {
      this.#later();
    };
    const dice = tools.random.next();
    if (dice < 0.44) this.#write('write', planWrite(tools), done);
    else if (dice < 0.62) this.#write('write in a namespace', planNamespaceWrite(tools), done);
    else if (dice < 0.67) this.#write('put a namespace', planLimits(tools), done);
    else if (dice < 0.69) this.#drop(namespaceOf(tools), done);
    else if (dice < 0.73) this.#delete(planDeletion(tools), done);
    else if (dice < 0.9) this.#reader.scan(this.#reader.planScan(), done);
    else if (dice < 0.94) this.#reader.count(done);
    else this.#reader.stream(done);
  }

  #write(name: string, unsent: Unsent, done: () => void): void {
    const run: Parameters<RangeWriter['request']>[1] = (write, operationId) =>
      write(operationId === undefined ? unsent : { ...unsent, operationId, attempt: 'keyed' });
    this.#writer.request(name, run, done);
  }

  #delete({ from, to, shards }: NamedRange, done: () => void): void {
    const asked = isEmptyRange({ from, to }) ? [] : shards;
    const run: Parameters<RangeWriter['request']>[1] = (write, operationId) =>
      deleteRange(write, { from, to, shards: asked, operationId });
    this.#writer.request('delete a range', run, done);
  }

  #drop(key: Uint8Array, done: () => void): void {
    const shard = shardOfKey(key, this.#tools.shards);
    const force = this.#tools.random.chance(0.6);
    const run: Parameters<RangeWriter['request']>[1] = (write, operationId) => {
      const identity =
        operationId === undefined
          ? ({ operationId: UNNAMED, attempt: 'initial' } as const)
          : ({ operationId, attempt: 'keyed' } as const);
      return dropNamespace(write, { key, shard, force, identity });
    };
    this.#writer.request(force ? 'erase a namespace' : 'remove a namespace', run, done);
  }
}
