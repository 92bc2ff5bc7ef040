/** Transactions over several shards on a virtual cluster: all or nothing, isolated, and finished by whoever is left. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Coordinator } from '../../src/router/dispatch/coordinator.js';
import type { Dispatcher } from '../../src/router/dispatch/dispatcher.js';
import { runTransaction } from '../../src/router/dispatch/transactions.js';
import {
  decodeOutcome,
  encodeProgram,
  encodeTransaction,
  hash64,
  stringKey,
  type Attempt,
  type ClientId,
  type Comparison,
  type Program,
  type ProgramOutcome,
  type Refusal,
  type Step,
  type TransactionPart,
} from '../../src/shard/index.js';
import { decodeTransaction } from '../../src/shard/transaction-codec.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

const base = { condition: { type: 'none' }, returning: 'nothing' } as const;
const put = (key: string, value: string): Step => ({
  ...{ type: 'put', key: stringKey(key), body: Buffer.from(value), contentType: 'text/plain' },
  ...{ expiry: { type: 'none' }, ...base },
});
const get = (key: string): Step => ({ type: 'get', key: stringKey(key), ...base });
const add = (key: string, by: bigint, min?: bigint): Step => ({
  ...{ type: 'increment', key: stringKey(key), by, initial: 0n, min, max: undefined, clamp: false, ttlMs: undefined },
  ...base,
});
const is = (key: string, value: string): Comparison => ({
  ...{ key: stringKey(key), type: 'value', json: false, value: Buffer.from(value) },
});

let cluster: VirtualCluster;
/** Two keys of different shards. */
let a: string;
let b: string;

beforeEach(async () => {
  cluster = await VirtualCluster.start({ shards: 4 });
  a = 'a';
  b = ['b', 'c', 'd', 'e', 'f', 'g'].find((key) => cluster.shardOf(key) !== cluster.shardOf(a)) ?? 'b';
});

interface Asked {
  readonly attempt?: Attempt;
  readonly id?: number;
  readonly deadlineMs?: number;
}

/** Begins a transaction; it goes on as virtual time does. */
async function start(program: Partial<Program>, { attempt = 'initial', id, deadlineMs = 5_000 }: Asked = {}) {
  const { dispatcher, clusterConfig } = cluster;
  const operationId = id === undefined ? cluster.operationId() : Buffer.alloc(16, id);
  const { answer, revisions } = await runTransaction(
    {
      program: { comparisons: [], then: [], otherwise: [], onError: 'fail', valueLimit: 1_000, ...program },
      ...{ operationId, attempt, consistency: 'linearizable' },
    },
    {
      deadlineMs,
      forward: true,
      execute: (operation, options) => dispatcher.execute(operation, options),
      shardOfKey: (key) => dispatcher.shardOf(key, { ...clusterConfig, epoch: 1, hash: 'xxh64', shards: [] }),
      coordinator: dispatcher.coordinator,
    },
  );
  if (answer.type === 'refused') return { outcome: answer, replayed: false, revisions };
  if (answer.type !== 'program') throw new Error(`an answer of type ${answer.type}`);
  return { outcome: decodeOutcome(answer.outcome), replayed: answer.replayed, revisions };
}

const run = (program: Partial<Program>, asked?: Asked) => cluster.runtime.settle(start(program, asked));

function done(outcome: ProgramOutcome | Refusal): ProgramOutcome {
  if ('code' in outcome) throw new Error(`refused: ${outcome.code}: ${outcome.message}`);
  return outcome;
}

/** The two keys, the one in the shard of the lower number first. */
const inOrder = (): string[] => [a, b].sort((x, y) => cluster.shardOf(x) - cluster.shardOf(y));

/** Says something to one participant, as a coordinator does. */
async function say(shard: number, id: number, message: Parameters<typeof encodeTransaction>[0]): Promise<void> {
  const operationId = Buffer.alloc(16, id);
  const body = encodeTransaction(message);
  const operation = {
    type: 'transaction',
    key: new Uint8Array(0),
    shard,
    body,
    operationId,
    attempt: 'initial',
  } as const;
  const { answer } = await cluster.runtime.settle(
    cluster.dispatcher.execute(operation, { deadlineMs: 5_000, forward: true }),
  );
  expect(answer.type).toBe('program');
}

/** The part of a transaction that writes both keys. */
function partOf(key: string): TransactionPart {
  const program = { comparisons: [], then: [put(key, 'new')], otherwise: [], onError: 'fail', valueLimit: 10 } as const;
  return { program, thenAt: [0], otherwiseAt: [], hasComparisons: false, hasOtherwise: false };
}

/** A prepare of a transaction of both keys, whose coordinator then says no more. */
async function prepare(key: string, id: number, client?: ClientId): Promise<void> {
  const participants = [cluster.shardOf(a), cluster.shardOf(b)].sort((x, y) => x - y);
  await say(cluster.shardOf(key), id, {
    phase: 'prepare',
    participants,
    part: partOf(key),
    client,
    waits: false,
  });
}

const openAt = (shard: number): number =>
  [...cluster.node(cluster.leader(shard)).replicas()]
    .find((replica) => replica.id === shard + 1)
    ?.machine.openTransactions?.().length ?? 0;

describe('a transaction over shards', () => {
  it('writes in all of them, and answers in the order asked, with the revisions of its commits', async () => {
    const { outcome, revisions } = await run({ then: [put(a, '1'), get(b), put(b, '2'), get(a)] });
    const [wroteA, gotB, wroteB, gotA] = done(outcome).results;
    expect(gotB).toEqual({ type: 'get' });
    expect(wroteA).toMatchObject({ type: 'write', created: true, revision: revisions.get(cluster.shardOf(a)) });
    expect(wroteB).toMatchObject({ type: 'write', created: true, revision: revisions.get(cluster.shardOf(b)) });
    expect(gotA).toMatchObject({ record: { revision: revisions.get(cluster.shardOf(a)) } });
    expect([await cluster.text(a), await cluster.text(b)]).toEqual(['1', '2']);
    const read = await cluster.get(a);
    expect(read).toMatchObject({ record: { revision: revisions.get(cluster.shardOf(a)) } });
    await cluster.runtime.until(() => openAt(cluster.shardOf(a)) + openAt(cluster.shardOf(b)) === 0);
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
  });

  it('chooses by comparisons in any of them', async () => {
    await run({ then: [put(a, '1'), put(b, '2')] });
    const program = { then: [put(a, 'yes')], otherwise: [put(b, 'no')] };
    expect(done((await run({ comparisons: [is(a, '1'), is(b, '2')], ...program })).outcome).succeeded).toBe(true);
    expect([await cluster.text(a), await cluster.text(b)]).toEqual(['yes', '2']);
    expect(done((await run({ comparisons: [is(a, 'yes'), is(b, 'x')], ...program })).outcome).succeeded).toBe(false);
    expect([await cluster.text(a), await cluster.text(b)]).toEqual(['yes', 'no']);
    const bare = await run({ comparisons: [is(a, 'no such')], then: [put(b, 'never')] });
    expect(done(bare.outcome)).toMatchObject({ succeeded: false, results: [] });
    expect(await cluster.text(b)).toBe('no');
  });

  it('that fails in one of them has changed nothing in any, and leaves nothing locked', async () => {
    await run({ then: [put(a, 'text'), put(b, '2')] });
    const { outcome } = await run({ then: [put(b, '3'), add(a, 1n)] });
    expect(outcome).toMatchObject({ code: 'wrong-type', outcome: 'not_applied', details: { field: 'ops[1]' } });
    expect([await cluster.text(a), await cluster.text(b)]).toEqual(['text', '2']);
    expect(await cluster.put(a, 'free')).toMatchObject({ type: 'put' });
  });

  it('many at once over the same two keys: each is applied once, and none is seen in part', async () => {
    await run({ then: [put(a, '100'), put(b, '100')] });
    const transfers = Array.from({ length: 20 }, (_, i) =>
      start({ then: i % 2 === 0 ? [add(a, -5n), add(b, 5n)] : [add(b, -3n), add(a, 3n)] }, { deadlineMs: 20_000 }),
    );
    const sums: number[] = [];
    const reader = (async () => {
      for (let round = 0; round < 10; round += 1) {
        const { results } = done((await start({ then: [get(a), get(b)] }, { deadlineMs: 20_000 })).outcome);
        sums.push(
          results.reduce(
            (sum, each) => sum + (each.type === 'get' ? Number(Buffer.from(each.record?.body ?? []).toString()) : 0),
            0,
          ),
        );
      }
    })();
    const ended = await cluster.runtime.settle(Promise.all(transfers));
    await cluster.runtime.settle(reader);
    for (const { outcome } of ended) done(outcome);
    expect(sums).toEqual(Array.from({ length: 10 }, () => 200));
    expect([await cluster.text(a), await cluster.text(b)]).toEqual(['80', '120']);
  });

  it('waits for those that hold its keys, and is not tried again meanwhile', async () => {
    await run({ then: [put(a, '1'), put(b, '1')] });
    await prepare(a, 9);
    await prepare(b, 9);
    const { dispatcher, runtime } = cluster;
    let prepares = 0;
    const counting: Pick<Dispatcher, 'dispatch'> = {
      dispatch: (operation, options, reply) => {
        if (operation.type === 'transaction' && decodeTransaction(operation.body).phase === 'prepare') prepares += 1;
        dispatcher.dispatch(operation, options, reply);
      },
    };
    const waiting = new Coordinator({
      dispatcher: counting,
      runtime,
      newId: () => cluster.operationId(),
      featureLevel: () => 4,
    });
    const parts = new Map([a, b].map((key) => [cluster.shardOf(key), partOf(key)]));
    const ended = waiting.run(parts, undefined, 5_000);
    await runtime.run(1_500);
    // Both participants at once, then the first one alone.
    expect(prepares).toBe(3);
    const participants = [cluster.shardOf(a), cluster.shardOf(b)].sort((x, y) => x - y);
    await runtime.settle(dispatcher.coordinator.finish(Buffer.alloc(16, 9), participants));
    expect((await runtime.settle(ended)).outcome).toMatchObject({ succeeded: true });
    expect(prepares).toBe(4);
  });

  it("under a client's id is applied once, however often it is asked, and answers the same", async () => {
    const keyed = { attempt: 'keyed', id: 7 } as const;
    const first = await run({ then: [add(a, 1n), add(b, 1n)] }, keyed);
    const again = await run({ then: [add(a, 1n), add(b, 1n)] }, keyed);
    expect(first.replayed).toBe(false);
    expect(again).toEqual({ ...first, replayed: true });
    expect((await run({ then: [add(a, 2n), add(b, 1n)] }, keyed)).outcome).toMatchObject({
      code: 'idempotency-key-reused',
    });
    expect([await cluster.text(a), await cluster.text(b)]).toEqual(['1', '1']);
  });

  it.each([0, 1])(
    "under a client's id is answered no again, though its comparison holds by now: in shard %i",
    async (at) => {
      const compared = inOrder()[at] ?? a;
      await run({ then: [put(a, 'old'), put(b, 'old')] });
      const program = { comparisons: [is(compared, 'later')], then: [put(a, 'new'), put(b, 'new')] };
      const keyed = { attempt: 'keyed', id: 21 } as const;
      const first = await run(program, keyed);
      expect(done(first.outcome)).toMatchObject({ succeeded: false, results: [] });
      await cluster.put(compared, 'later');
      expect(await run(program, keyed)).toMatchObject({ replayed: true, outcome: first.outcome });
      expect([await cluster.text(a), await cluster.text(b)]).not.toContain('new');
      expect(done((await run(program)).outcome).succeeded).toBe(true);
      await cluster.runtime.until(() => openAt(cluster.shardOf(a)) + openAt(cluster.shardOf(b)) === 0);
    },
  );

  it.each([0, 1])("under a client's id fails again, though by now it would not: in shard %i", async (at) => {
    const [number = a, other = b] = at === 0 ? inOrder() : inOrder().reverse();
    await run({ then: [put(number, 'text'), put(other, '1')] });
    const program = { then: [put(other, 'new'), add(number, 1n)] };
    const keyed = { attempt: 'keyed', id: 22 } as const;
    const first = await run(program, keyed);
    expect(first).toMatchObject({ replayed: false, outcome: { code: 'wrong-type', details: { field: 'ops[1]' } } });
    await cluster.put(number, '1');
    expect(await run(program, keyed)).toEqual({ ...first, replayed: true });
    expect([await cluster.text(number), await cluster.text(other)]).toEqual(['1', '1']);
  });

  it("under a client's id that met keys of another transaction until its deadline may be repeated", async () => {
    await run({ then: [put(a, '1'), put(b, '1')] });
    await prepare(a, 9);
    const keyed = { attempt: 'keyed', id: 23, deadlineMs: 500 } as const;
    const program = { comparisons: [is(a, '1'), is(b, '1')], then: [put(a, 'new'), put(b, 'new')] };
    expect((await run(program, keyed)).outcome).toMatchObject({ code: 'conflict', outcome: 'not_applied' });
    await say(cluster.shardOf(a), 9, { phase: 'decide', decision: 'abort', outcome: undefined });
    expect(done((await run(program, keyed)).outcome).succeeded).toBe(true);
  });

  it("under a client's id asked twice at once is applied once", async () => {
    const keyed = { attempt: 'keyed', id: 8, deadlineMs: 20_000 } as const;
    const both = [1, 2].map(() => start({ then: [add(a, 1n), add(b, 1n)] }, keyed));
    const ended = await cluster.runtime.settle(Promise.all(both));
    for (const { outcome } of ended) done(outcome);
    expect(ended.map(({ replayed }) => replayed).sort()).toEqual([false, true]);
    expect([await cluster.text(a), await cluster.text(b)]).toEqual(['1', '1']);
  });
});

describe('a read of several keys of one shard', () => {
  it('waits also for a transaction that came after it, and before one that it waited for', async () => {
    const [x, y] = ['{a}x', '{a}y'];
    const shard = cluster.shardOf(x);
    await run({ then: [put(x, 'old'), put(y, 'old')] });
    const participants = [cluster.shardOf(a), cluster.shardOf(b)].sort((one, other) => one - other);
    const prepared = (key: string, id: number): Promise<void> =>
      say(shard, id, { phase: 'prepare', participants, part: partOf(key), client: undefined, waits: false });
    const decide = (id: number): Promise<void> =>
      say(shard, id, { phase: 'decide', decision: 'then', outcome: undefined });
    await prepared(x, 1);
    let seen: unknown;
    const read = start({ then: [get(x), get(y)] }).then(({ outcome }) => (seen = done(outcome).results));
    await cluster.runtime.run(100);
    // In another shard it may be decided, and have let go of a key for the first one.
    await prepared(y, 2);
    await decide(1);
    await cluster.runtime.run(100);
    expect(seen).toBeUndefined();
    await decide(2);
    await cluster.runtime.settle(read);
    expect(seen).toMatchObject([1, 2].map(() => ({ record: { body: new Uint8Array(Buffer.from('new')) } })));
  });
});

describe('a transaction that its coordinator left', () => {
  it.each([
    ['before all had voted: aborted', false, 'old'],
    ['after all had voted yes: committed', true, 'new'],
  ])('%s', async (_what, isComplete, value) => {
    await run({ then: [put(a, 'old'), put(b, 'old')] });
    await prepare(a, 9);
    if (isComplete) await prepare(b, 9);
    for (const node of cluster.nodes.values()) {
      node.onOrphan(({ id, participants }) => void cluster.dispatcher.coordinator.finish(id, participants));
    }
    // Reads and writes of the key wait for it.
    const write = cluster.startPut(a, 'later', { deadlineMs: 20_000 });
    expect(await cluster.text(b)).toBe(value);
    expect(await cluster.runtime.settle(write)).toMatchObject({ type: 'put' });
    expect(await cluster.text(a)).toBe('later');
    await cluster.runtime.until(() => openAt(cluster.shardOf(a)) + openAt(cluster.shardOf(b)) === 0);
  });

  it('holds its keys until then: a write ends in a conflict at its deadline, a read in no answer, a stale read at once', async () => {
    await run({ then: [put(a, 'old'), put(b, 'old')] });
    await prepare(a, 10);
    expect(await cluster.put(a, 'x', { deadlineMs: 500 })).toMatchObject({ code: 'conflict', outcome: 'not_applied' });
    expect(await cluster.get(a, 'linearizable', 500)).toMatchObject({ type: 'refused' });
    expect(await cluster.get(a, 'stale', 500)).toMatchObject({ type: 'get' });
    expect(await cluster.text(b)).toBe('old');
  });

  it('and another one committed, while its own replies were under way, is not applied again', async () => {
    await run({ then: [put(a, 'old'), put(b, 'old')] });
    await prepare(a, 12);
    await prepare(b, 12);
    const id = Buffer.alloc(16, 12);
    const participants = [cluster.shardOf(a), cluster.shardOf(b)].sort((x, y) => x - y);
    expect(await cluster.runtime.settle(cluster.dispatcher.coordinator.finish(id, participants))).toBe('then');
    const before = await Promise.all([a, b].map((key) => cluster.get(key)));
    const { dispatcher, runtime } = cluster;
    const late = new Coordinator({ dispatcher, runtime, newId: () => id, featureLevel: () => 4 });
    const parts = new Map([a, b].map((key) => [cluster.shardOf(key), partOf(key)]));
    const { outcome } = await runtime.settle(late.run(parts, undefined, 5_000));
    expect(outcome).toMatchObject({ succeeded: true, omitted: true });
    expect(await Promise.all([a, b].map((key) => cluster.get(key)))).toMatchObject(
      before.map((answer) => ({ record: 'record' in answer ? answer.record : undefined })),
    );
  });

  it('and another one gave up, is not prepared by a message that comes late', async () => {
    await say(cluster.shardOf(a), 12, { phase: 'inquire' });
    await prepare(a, 12);
    expect(openAt(cluster.shardOf(a))).toBe(0);
    expect(await cluster.put(a, 'free')).toMatchObject({ type: 'put' });
  });

  it('was decided in one shard, is decided so in the other, however much later: a yes vote does not go by time', async () => {
    await run({ then: [put(a, 'old'), put(b, 'old')] });
    await prepare(a, 13);
    await prepare(b, 13);
    await say(cluster.shardOf(a), 13, { phase: 'decide', decision: 'then', outcome: undefined });
    await cluster.runtime.run(120_000);
    const participants = [cluster.shardOf(a), cluster.shardOf(b)].sort((x, y) => x - y);
    const id = Buffer.alloc(16, 13);
    expect(await cluster.runtime.settle(cluster.dispatcher.coordinator.finish(id, participants))).toBe('then');
    expect([await cluster.text(a), await cluster.text(b)]).toEqual(['new', 'new']);
  });

  it('and another one committed, is replayed to the client that repeats it under its id, and not begun again', async () => {
    const program = { comparisons: [], then: [put(a, 'new'), put(b, 'new')], otherwise: [] } as const;
    const { high, low } = hash64(encodeProgram({ ...program, onError: 'fail', valueLimit: 1_000 }));
    const fingerprint = Buffer.alloc(8);
    fingerprint.writeUInt32BE(high, 0);
    fingerprint.writeUInt32BE(low, 4);
    const [home = a, other = b] = [a, b].sort((x, y) => cluster.shardOf(x) - cluster.shardOf(y));
    await prepare(home, 14, { id: Buffer.alloc(16, 99), fingerprint });
    await prepare(other, 14);
    const participants = [home, other].map((key) => cluster.shardOf(key));
    const id = Buffer.alloc(16, 14);
    expect(await cluster.runtime.settle(cluster.dispatcher.coordinator.finish(id, participants))).toBe('then');
    expect(await cluster.put(a, 'later')).toMatchObject({ type: 'put' });
    const { outcome, replayed } = await run(program, { attempt: 'keyed', id: 99 });
    expect({ replayed, ...done(outcome) }).toMatchObject({ replayed: true, succeeded: true, omitted: true });
    expect([await cluster.text(a), await cluster.text(b)]).toEqual(['later', 'new']);
  });

  it('is known after its shards have changed leaders and restarted', async () => {
    await run({ then: [put(a, 'old'), put(b, 'old')] });
    await prepare(a, 11);
    await prepare(b, 11);
    for (const id of [1, 2, 3]) {
      await cluster.kill(id);
      await cluster.startNode(id);
      await cluster.runtime.until(() => cluster.everyShardHasALeader());
    }
    for (const node of cluster.nodes.values()) {
      node.onOrphan(({ id, participants }) => void cluster.dispatcher.coordinator.finish(id, participants));
    }
    expect([await cluster.text(a), await cluster.text(b)]).toEqual(['new', 'new']);
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
  });
});
