/** Types that a caller of the package sees. The compiler checks them (`npm run types`); running this file proves nothing. */
import { expectTypeOf, test } from 'vitest';
import type {
  AtomicOperation,
  BatchResult,
  ClusterStatus,
  CommitResult,
  CommonPrefix,
  DeleteOptions,
  DeleteRangeResult,
  DeleteResult,
  DistributedKeyValueStore,
  Entry,
  ErrorCode,
  IncrementResult,
  KeyLocation,
  KvorumError,
  ListOptions,
  NamespaceInfo,
  NamespaceKeyspace,
  NamespaceResult,
  Outcome,
  PutOptions,
  StoreOptions,
  WriteResult,
} from '../../src/index.js';

interface User {
  readonly name: string;
}

const calls = {
  typed: (kvs: DistributedKeyValueStore) => kvs.get<User>('user1'),
  untyped: (kvs: DistributedKeyValueStore) => kvs.get('user1'),
  deletion: (kvs: DistributedKeyValueStore, options: DeleteOptions) => kvs.delete('user1', options),
  toldDeletion: (kvs: DistributedKeyValueStore) => kvs.delete('user1', { ifExists: true, returning: 'previous' }),
  keyedDeletion: (kvs: DistributedKeyValueStore) => kvs.delete('user1', { idempotencyKey: 'a' }),
};

test('get returns the type argument or undefined; unknown without one', () => {
  expectTypeOf(calls.typed).returns.resolves.toEqualTypeOf<User | undefined>();
  expectTypeOf(calls.untyped).returns.resolves.toBeUnknown();
});

test('keys and values may be of any type; results have one', () => {
  expectTypeOf<DistributedKeyValueStore['put']>().parameters.toEqualTypeOf<
    [key: unknown, value: unknown, options?: PutOptions]
  >();
  expectTypeOf<DistributedKeyValueStore['put']>().returns.resolves.toEqualTypeOf<WriteResult>();
  expectTypeOf<DistributedKeyValueStore['increment']>().returns.resolves.toEqualTypeOf<IncrementResult>();
  expectTypeOf(calls.deletion).returns.resolves.toBeBoolean();
  expectTypeOf(calls.toldDeletion).returns.resolves.toEqualTypeOf<DeleteResult>();
  expectTypeOf(calls.keyedDeletion).returns.resolves.toEqualTypeOf<DeleteResult>();
  expectTypeOf<DistributedKeyValueStore['where']>().returns.toEqualTypeOf<KeyLocation>();
  expectTypeOf<DistributedKeyValueStore['status']>().returns.toEqualTypeOf<ClusterStatus>();
  expectTypeOf<DistributedKeyValueStore>().toExtend<AsyncDisposable>();
});

const more = {
  entry: (kvs: DistributedKeyValueStore) => kvs.getEntry<User>('user1'),
  transaction: (kvs: DistributedKeyValueStore) => kvs.transaction(async (tx) => (await tx.get<User>('user1'))?.name),
  batch: (kvs: DistributedKeyValueStore) =>
    kvs.batch([
      { op: 'get', key: 1 },
      { op: 'put', key: 1, value: 2, ttl: '30s' },
      { op: 'delete', key: 1 },
      { op: 'increment', key: 1, by: 1n },
      { op: 'delete', key: 1, ifRevision: 1, returning: 'previous' },
    ]),
  transact: (kvs: DistributedKeyValueStore) =>
    kvs.transact({
      if: [{ key: 1, unchangedSince: 7 }],
      then: [{ op: 'touch', key: 1, ttl: null, ifExists: true }],
      else: [
        { op: 'get', key: 1 },
        { op: 'delete', key: 1 },
      ],
    }),
  rows: (kvs: DistributedKeyValueStore, options: ListOptions) => kvs.list<User>(options),
  groups: (kvs: DistributedKeyValueStore) => kvs.list<User>({ prefix: 'user', delimiter: '/' }),
  names: (kvs: DistributedKeyValueStore) => kvs.list({ delimiter: '/', keysOnly: true, maxStaleness: 1 }),
  range: (kvs: DistributedKeyValueStore) => kvs.deleteRange({ prefix: 'user', dryRun: true }),
  keyedRange: (kvs: DistributedKeyValueStore) => kvs.deleteRange({ prefix: 'user', idempotencyKey: 'a' }),
};

test('the type argument is that of the value of an entry', () => {
  expectTypeOf(more.entry).returns.resolves.toEqualTypeOf<Entry<User> | undefined>();
});

test('a transaction gives what its function returns', () => {
  expectTypeOf(more.transaction).returns.resolves.toEqualTypeOf<string | undefined>();
});

test('results of a batch have the types of its operations, place by place', () => {
  expectTypeOf(more.batch).returns.resolves.toEqualTypeOf<
    [
      BatchResult<unknown>,
      BatchResult<WriteResult>,
      BatchResult<boolean>,
      BatchResult<IncrementResult>,
      BatchResult<DeleteResult>,
    ]
  >();
  expectTypeOf<BatchResult<boolean>>().toExtend<PromiseSettledResult<boolean>>();
});

test('results of a transaction have the types of the operations that ran', () => {
  type Transacted = Awaited<ReturnType<typeof more.transact>>;
  expectTypeOf<Extract<Transacted, { succeeded: true }>['results']>().toEqualTypeOf<[BatchResult<WriteResult>]>();
  expectTypeOf<Extract<Transacted, { succeeded: false }>['results']>().toEqualTypeOf<
    [BatchResult<unknown>, BatchResult<boolean>]
  >();
});

test('rows of a list have the form that was asked for', () => {
  expectTypeOf(more.rows).returns.toEqualTypeOf<AsyncIterableIterator<Entry<User>>>();
  expectTypeOf(more.groups).returns.toEqualTypeOf<AsyncIterableIterator<Entry<User> | CommonPrefix>>();
  expectTypeOf(more.names).returns.toEqualTypeOf<AsyncIterableIterator<Pick<Entry, 'key'> | CommonPrefix>>();
});

test('a deletion of a range is a number, or tells more under a key', () => {
  expectTypeOf(more.range).returns.resolves.toBeNumber();
  expectTypeOf(more.keyedRange).returns.resolves.toEqualTypeOf<DeleteRangeResult>();
});

test('an atomic operation says whether it committed, and where', () => {
  expectTypeOf<AtomicOperation['commit']>().returns.resolves.toEqualTypeOf<CommitResult>();
  expectTypeOf<AtomicOperation['check']>().returns.toEqualTypeOf<AtomicOperation>();
  expectTypeOf<Extract<CommitResult, { committed: true }>['revision']>().toBeNumber();
});

test('a namespace has the operations of the store', () => {
  expectTypeOf<NamespaceKeyspace['get']>().toEqualTypeOf<DistributedKeyValueStore['get']>();
  expectTypeOf<NamespaceKeyspace['transaction']>().toEqualTypeOf<DistributedKeyValueStore['transaction']>();
  expectTypeOf<DistributedKeyValueStore['namespace']>().toEqualTypeOf<(name: string) => NamespaceKeyspace>();
  expectTypeOf<NamespaceKeyspace['info']>().returns.resolves.toEqualTypeOf<NamespaceInfo>();
  expectTypeOf<NamespaceKeyspace['create']>().returns.resolves.toEqualTypeOf<NamespaceResult>();
  expectTypeOf<DistributedKeyValueStore['namespaces']>().returns.toExtend<AsyncIterable<NamespaceInfo>>();
});

test('a store is made from numbers or options, all of which may be left out', () => {
  expectTypeOf<DistributedKeyValueStore>().toBeObject();
  expectTypeOf<Partial<StoreOptions>>().toEqualTypeOf<StoreOptions>();
  expectTypeOf<StoreOptions>().toHaveProperty('timeoutMs').toEqualTypeOf<number | undefined>();
});

test('an error says by its fields what to do', () => {
  expectTypeOf<KvorumError>().toExtend<Error>();
  expectTypeOf<KvorumError['code']>().toEqualTypeOf<ErrorCode>();
  expectTypeOf<KvorumError['outcome']>().toEqualTypeOf<Outcome>();
  expectTypeOf<Outcome>().toEqualTypeOf<'not_applied' | 'unknown'>();
});
