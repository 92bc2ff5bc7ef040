/** A state machine with a namespace or two, to which programs are applied one after the other. */
import { encodeExpireCommand, encodeProgramCommand } from '../../src/shard/machine/command.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import { stringKey } from '../../src/shard/keys/encoder.js';
import { inNamespace, namespaceKey } from '../../src/shard/namespace.js';
import type { ListItem } from '../../src/shard/list.js';
import type { Namespace, NamespaceLimits } from '../../src/shard/namespace.js';
import type { Refusal } from '../../src/shard/operation.js';
import { decodeOutcome, encodeProgram } from '../../src/shard/program-codec.js';
import type { Program, ProgramOutcome, Step } from '../../src/shard/program.js';
import { MapStateStore } from './map-state-store.js';

const base = { condition: { type: 'none' }, returning: 'nothing' } as const;

export const keyIn = (name: string, key: string): Uint8Array => inNamespace(namespaceKey(name), stringKey(key));

export const steps = {
  create: (name: string, limits: Partial<NamespaceLimits> = {}): Step => ({
    ...{ type: 'namespace-put', key: namespaceKey(name), ...base, maxKeys: undefined, maxBytes: undefined },
    ...limits,
  }),
  remove: (name: string): Step => ({ type: 'namespace-delete', key: namespaceKey(name), ...base }),
  put: (name: string, key: string, value: string, ttlMs?: number): Step => ({
    ...{ type: 'put', key: keyIn(name, key), body: Buffer.from(value), contentType: 'text/plain', ...base },
    expiry: ttlMs === undefined ? { type: 'none' } : { type: 'after', ms: ttlMs },
  }),
  append: (name: string, key: string, value: string): Step => ({
    ...{ type: 'append', key: keyIn(name, key), body: Buffer.from(value), ...base },
  }),
  get: (name: string, key: string): Step => ({ type: 'get', key: keyIn(name, key), ...base }),
  del: (name: string, key: string): Step => ({ type: 'delete', key: keyIn(name, key), ...base }),
} as const;

export class NamespaceLab {
  readonly store: MapStateStore;
  machine: KvMachine;
  index = 0;
  nowMs = 1_000_000;
  #ids = 0;

  constructor(store = new MapStateStore()) {
    this.store = store;
    this.machine = new KvMachine(store);
    this.machine.load();
  }

  run(then: readonly Step[], more: Partial<Program> = {}): ProgramOutcome | Refusal {
    const operationId = Buffer.alloc(16);
    operationId.writeUInt32BE(++this.#ids, 0);
    const body = encodeProgram({ comparisons: [], then, otherwise: [], onError: 'fail', valueLimit: 1_000, ...more });
    const write = { type: 'program', key: stringKey(''), body, operationId, attempt: 'initial' } as const;
    const answer = this.machine.apply(++this.index, encodeProgramCommand(write, this.nowMs));
    if (answer?.type !== 'program') throw new Error('the answer does not fit the operation');
    return decodeOutcome(answer.outcome);
  }

  /** Of one step: `ok`, or the code of the refusal. */
  code(...then: readonly Step[]): string {
    const outcome = this.run(then);
    return 'code' in outcome ? outcome.code : 'ok';
  }

  expire(...keys: readonly Uint8Array[]): void {
    this.machine.apply(++this.index, encodeExpireCommand(keys, this.nowMs));
  }

  info(name: string): Namespace | undefined {
    const key = namespaceKey(name);
    const [item] = this.list(key, Buffer.concat([key, Uint8Array.of(0)]));
    return item?.type === 'namespace' ? item.namespace : undefined;
  }

  list(from: Uint8Array, to: Uint8Array | undefined): readonly ListItem[] {
    const common = { reverse: false, grouping: undefined, rows: 1_000, bytes: 1e6, consistency: 'stale' } as const;
    return this.machine.list({ type: 'list', shard: 0, from, to, content: 'namespaces', ...common }).items;
  }

  /** What the records of the namespace amount to, counted one by one. */
  counted(name: string): Pick<Namespace, 'keys' | 'bytes'> {
    const prefix = namespaceKey(name);
    const to = Uint8Array.from(prefix).fill(1, -1);
    const common = { reverse: false, grouping: undefined, rows: 1_000, bytes: 1e6, consistency: 'stale' } as const;
    const { items } = this.machine.list({ type: 'list', shard: 0, from: prefix, to, content: 'values', ...common });
    let bytes = 0;
    for (const item of items) {
      if (item.type === 'record') bytes += item.key.length - prefix.length - 1 + item.record.body.length;
    }
    return { keys: items.length, bytes };
  }

  /** A replica that starts from the rows of a checkpoint. */
  reload(): void {
    this.machine.flush();
    this.machine = new KvMachine(this.store);
    this.machine.load();
  }
}
