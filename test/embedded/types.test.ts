/** Types that a caller of the package sees. The compiler checks them (`npm run types`); running this file proves nothing. */
import { expectTypeOf, test } from 'vitest';
import type {
  AtomicOperation,
  BatchGet,
  BatchOperation,
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

const named = {
  put: (kvs: DistributedKeyValueStore, user: User) => kvs.put<User>('user1', user, { returning: 'previous' }),
  inferred: (kvs: DistributedKeyValueStore) => kvs.put('user1', { name: 'Ann' }, { returning: 'previous' }),
  deletion: (kvs: DistributedKeyValueStore) => kvs.delete<User>('user1', { returning: 'previous' }),
  increment: (kvs: DistributedKeyValueStore) => kvs.increment<number>('n', 1, { returning: 'representation' }),
  append: (kvs: DistributedKeyValueStore) => kvs.append<string>('log', 'a', { returning: 'previous' }),
  patch: (kvs: DistributedKeyValueStore) => kvs.patch<User>('user1', { name: 'Bo' }, { returning: 'representation' }),
  touch: (kvs: DistributedKeyValueStore) => kvs.touch<User>('user1', null, { returning: 'representation' }),
};

test('what a write returns has the type argument; unknown without one, whatever was written', () => {
  expectTypeOf(named.put).returns.resolves.toEqualTypeOf<WriteResult<User>>();
  expectTypeOf<WriteResult<User>['previous']>().toEqualTypeOf<Entry<User> | undefined>();
  expectTypeOf<WriteResult<User>['entry']>().toEqualTypeOf<Entry<User> | undefined>();
  expectTypeOf(named.inferred).returns.resolves.toEqualTypeOf<WriteResult>();
  expectTypeOf<WriteResult['previous']>().toEqualTypeOf<Entry | undefined>();
  expectTypeOf(named.deletion).returns.resolves.toEqualTypeOf<DeleteResult<User>>();
  expectTypeOf<DeleteResult<User>['previous']>().toEqualTypeOf<Entry<User> | undefined>();
  expectTypeOf(named.increment).returns.resolves.toEqualTypeOf<IncrementResult<number>>();
  expectTypeOf<IncrementResult<number>['entry']>().toEqualTypeOf<Entry<number> | undefined>();
  expectTypeOf(named.append).returns.resolves.toEqualTypeOf<WriteResult<string>>();
  expectTypeOf(named.patch).returns.resolves.toEqualTypeOf<WriteResult<User>>();
  expectTypeOf(named.touch).returns.resolves.toEqualTypeOf<WriteResult<User>>();
});

test('a value that is put has the type that was named', () => {
  // @ts-expect-error: a user has a name
  expectTypeOf((kvs: DistributedKeyValueStore) => kvs.put<User>('user1', {})).toBeFunction();
});

const reads = {
  many: (kvs: DistributedKeyValueStore, ids: string[]) =>
    kvs.batch(ids.map((key): BatchGet<User> => ({ op: 'get', key }))),
  some: (kvs: DistributedKeyValueStore, user: BatchGet<User>) => kvs.batch([user, { op: 'get', key: 1 }]),
  transact: (kvs: DistributedKeyValueStore, user: BatchGet<User>) => kvs.transact({ then: [user] }),
  anything: (kvs: DistributedKeyValueStore, operations: BatchOperation[]) => kvs.batch(operations),
  writes: (kvs: DistributedKeyValueStore, operations: Extract<BatchOperation, { op: 'put' | 'delete' }>[]) =>
    kvs.batch(operations),
};

test('a get among several operations gives the type that it was given, or undefined', () => {
  expectTypeOf(reads.many).returns.resolves.toEqualTypeOf<BatchResult<User | undefined>[]>();
  expectTypeOf(reads.some).returns.resolves.toEqualTypeOf<[BatchResult<User | undefined>, BatchResult<unknown>]>();
  type Read = Extract<Awaited<ReturnType<typeof reads.transact>>, { succeeded: true }>['results'];
  expectTypeOf<Read>().toEqualTypeOf<[BatchResult<User | undefined>]>();
});

test('the result of an operation that may be one of several is any of theirs', () => {
  expectTypeOf(reads.anything).returns.resolves.toEqualTypeOf<BatchResult<unknown>[]>();
  expectTypeOf(reads.writes).returns.resolves.toEqualTypeOf<BatchResult<WriteResult | boolean | DeleteResult>[]>();
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
