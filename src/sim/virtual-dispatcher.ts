/**
 * The production dispatcher inside a simulated process. Its coordinator of transactions awaits answers and timers: what
 * it does next belongs to the same event. Reports marks of transactions over shards.
 */
import { Dispatcher, type Backend, type DispatchReply } from '../router/index.js';
import {
  decodeTransaction,
  decodeTransactionReply,
  shardOfKey,
  type KvOperation,
  type List,
  type NodeId,
  type Runtime,
  type SingleMessage,
  type SingleReply,
  type Timer,
  type Transact,
} from '../shard/index.js';
import { observeAttempts } from './attempts.js';
import type { MachineClock } from './clock.js';
import type { Mark } from './marks.js';
import { makeId } from './operation-ids.js';
import type { Random } from '../random.js';
import type { Scenario } from './scenario.js';
import type { Scheduler } from './scheduler.js';

/** Microtask turns from the last answer that a transaction waits for to its own: longer than its promises are nested. */
const TRANSACTION_TURNS = 32;

export interface VirtualDispatcherOptions {
  readonly backend: Backend;
  readonly runtime: Runtime;
  readonly scheduler: Scheduler;
  readonly clock: MachineClock;
  /** Of this incarnation. */
  readonly random: Random;
  readonly scenario: Pick<Scenario, 'dispatch'>;
  readonly reached: (mark: Mark) => void;
}

export class VirtualDispatcher extends Dispatcher {
  readonly #scheduler: Scheduler;
  readonly #backend: Backend;
  readonly #reached: (mark: Mark) => void;
  /** Transactions that began here, and those that kept one of them waiting under the same id of a client. */
  readonly #known: Set<string>;

  constructor({ backend, runtime, scheduler, clock, random, scenario, reached }: VirtualDispatcherOptions) {
    const known = new Set<string>();
    super({
      backend: observeAttempts(backend, reached),
      runtime: settling(runtime, scheduler),
      shardOfKey,
      newId: () => {
        const id = makeId(clock, random);
        known.add(nameOf(id));
        return id;
      },
      ...scenario.dispatch,
    });
    this.#scheduler = scheduler;
    this.#backend = backend;
    this.#reached = reached;
    this.#known = known;
  }

  override dispatch(
    operation: KvOperation,
    options: Parameters<Dispatcher['dispatch']>[1],
    done: (reply: DispatchReply) => void,
  ): void {
    if (!AWAITED.has(operation.type)) {
      super.dispatch(operation, options, done);
      return;
    }
    super.dispatch(operation, options, (reply) => {
      if (operation.type === 'transaction') this.#observe(operation, reply);
      done(reply);
      this.#scheduler.settles(TRANSACTION_TURNS);
    });
  }

  /** Asks one node, as streams do for what it keeps for them (`router/kv/range-stream.ts`). */
  askNode(node: NodeId, operation: List, budgetMs: number): Promise<DispatchReply> {
    const { shard } = operation;
    return new Promise((resolve) => {
      this.#backend.submit(node, { shard, budgetMs, operation }, (reply) => {
        resolve({ ...reply, shard });
        this.#scheduler.settles(TRANSACTION_TURNS);
      });
    });
  }

  #observe({ operationId, body }: Transact, { answer }: DispatchReply): void {
    if (answer.type !== 'program') return;
    const message = decodeTransaction(body);
    const reply = decodeTransactionReply(answer.outcome);
    if (message.phase !== 'several' || reply.type !== 'several') {
      if (message.phase !== 'several' && reply.type !== 'several') this.#onReply(operationId, message, reply);
      return;
    }
    for (const [at, { id, message: enclosed }] of message.enclosed.entries()) {
      const each = reply.replies[at];
      if (each !== undefined) this.#onReply(id, enclosed, each);
    }
    this.#reached('transactions-in-one-entry');
  }

  #onReply(id: Uint8Array, { phase }: SingleMessage, reply: SingleReply): void {
    if (reply.type === 'vote' && reply.vote.type === 'busy') this.#reached('transaction-met-another');
    if (reply.type === 'open') this.#known.add(nameOf(reply.id));
    if ((phase === 'decide' || phase === 'conclude') && reply.type === 'decided' && !this.#known.has(nameOf(id))) {
      this.#reached('transaction-finished-by-another');
    }
  }
}

/** Operations whose answers are awaited by what asked, instead of taken by a callback. */
const AWAITED: ReadonlySet<KvOperation['type']> = new Set<KvOperation['type']>([
  'transaction',
  'program',
  'read',
  'list',
]);

const nameOf = (id: Uint8Array): string => Buffer.from(id).toString('latin1');

/** What a timer settles is continued before the next event. */
function settling(runtime: Runtime, scheduler: Scheduler): Runtime {
  return {
    random: () => runtime.random(),
    now: () => runtime.now(),
    wallTime: () => runtime.wallTime(),
    defer: (task) => {
      runtime.defer(() => {
        task();
        scheduler.settles(TRANSACTION_TURNS);
      });
    },
    every: (ms, task) => runtime.every(ms, task),
    after: (ms, task): Timer =>
      runtime.after(ms, () => {
        task();
        scheduler.settles(TRANSACTION_TURNS);
      }),
  };
}
