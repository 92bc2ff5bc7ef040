/** Types that a caller of the package sees. The compiler checks them (`npm run types`); running this file proves nothing. */
import { expectTypeOf, test } from 'vitest';
import type {
  ClusterStatus,
  DistributedKeyValueStore,
  ErrorCode,
  KeyLocation,
  KvorumError,
  Outcome,
  StoreOptions,
} from '../../src/index.js';

interface User {
  readonly name: string;
}

const calls = {
  typed: (kvs: DistributedKeyValueStore) => kvs.get<User>('user1'),
  untyped: (kvs: DistributedKeyValueStore) => kvs.get('user1'),
};

test('get returns the type argument or undefined; unknown without one', () => {
  expectTypeOf(calls.typed).returns.resolves.toEqualTypeOf<User | undefined>();
  expectTypeOf(calls.untyped).returns.resolves.toBeUnknown();
});

test('keys and values may be of any type; results have one', () => {
  expectTypeOf<DistributedKeyValueStore['put']>().parameters.toEqualTypeOf<[key: unknown, value: unknown]>();
  expectTypeOf<DistributedKeyValueStore['put']>().returns.resolves.toBeVoid();
  expectTypeOf<DistributedKeyValueStore['delete']>().returns.resolves.toBeBoolean();
  expectTypeOf<DistributedKeyValueStore['where']>().returns.toEqualTypeOf<KeyLocation>();
  expectTypeOf<DistributedKeyValueStore['status']>().returns.toEqualTypeOf<ClusterStatus>();
  expectTypeOf<DistributedKeyValueStore>().toExtend<AsyncDisposable>();
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
