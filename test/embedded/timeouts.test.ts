/** Calls with a timeout of their own, which is shorter than the store's: no majority is there, and an hour is not waited. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DistributedKeyValueStore, type CallOptions, type NamespaceKeyspace } from '../../src/index.js';

let kvs: DistributedKeyValueStore;
let namespace: NamespaceKeyspace;
beforeAll(async () => {
  kvs = new DistributedKeyValueStore({ nodes: 3, replicas: 3, shards: 2, timeoutMs: 3_600_000 });
  namespace = kvs.namespace('n');
  await namespace.create();
  kvs.partition([[0], [1], [2]]);
});
afterAll(() => kvs.close());

const op = { op: 'put', key: 'k', value: 1 } as const;
const drained = async (list: AsyncIterable<unknown>): Promise<void> => {
  for await (const row of list) throw new Error(`there is a row: ${String(row)}`);
};
type Call = (options: CallOptions) => Promise<unknown>;
const CALLS: readonly (readonly [name: string, call: Call])[] = [
  ['get', (options) => kvs.get('k', options)],
  ['getEntry', (options) => kvs.getEntry('k', options)],
  ['put', (options) => kvs.put('k', 1, options)],
  ['put with a deadline', (options) => kvs.put('k', 1, { ttl: '1h', ...options })],
  ['delete', (options) => kvs.delete('k', options)],
  ['increment', (options) => kvs.increment('k', 1, options)],
  ['append', (options) => kvs.append('k', 'a', options)],
  ['patch', (options) => kvs.patch('k', {}, options)],
  ['touch', (options) => kvs.touch('k', null, options)],
  ['list', (options) => drained(kvs.list(options))],
  ['count', (options) => kvs.count(options)],
  ['deleteRange', (options) => kvs.deleteRange({ prefix: 'k', ...options })],
  ['atomic', (options) => kvs.atomic().set('k', 1).commit(options)],
  ['transact', (options) => kvs.transact({ then: [op] }, options)],
  ['transaction', (options) => kvs.transaction((tx) => tx.get('k'), options)],
  [
    'batch',
    async (options) => {
      const [result] = await kvs.batch([op], options);
      if (result.status === 'rejected') throw result.reason;
    },
  ],
  ['put in a namespace', (options) => namespace.put('k', 1, options)],
  ['create', (options) => namespace.create({}, options)],
  ['info', (options) => namespace.info(options)],
  ['drop', (options) => namespace.drop(options)],
  ['namespaces', (options) => drained(kvs.namespaces(options))],
];

it.each(CALLS)('%s ends at its own timeout', async (_, call) => {
  const codes = /^(?:timeout|no-leader|no-quorum|leadership-lost|conflict)$/;
  await expect(call({ timeoutMs: 60 })).rejects.toMatchObject({ code: expect.stringMatching(codes) as string });
});

it.each(CALLS)('%s refuses a timeout that is none', async (_, call) => {
  for (const timeoutMs of [0, 1.5, 3_600_001, '1s' as never]) {
    await expect(call({ timeoutMs })).rejects.toThrow(/^timeoutMs must be a whole number from 1 to 3600000/);
  }
});

it('a call of a closed store is refused, whatever its timeout', async () => {
  const closed = new DistributedKeyValueStore({ nodes: 1, shards: 1 });
  await closed.close();
  await expect(closed.put('k', 1, { timeoutMs: 60 })).rejects.toMatchObject({ code: 'shutting-down' });
  await expect(closed.namespace('n').get('k', { timeoutMs: 60 })).rejects.toMatchObject({ code: 'shutting-down' });
});
