/** Builders of writes and operation ids for tests of the state machine. */
import { encodeCommand } from '../../src/shard/machine/command.js';
import { encodeKey } from '../../src/shard/keys/index.js';
import type { Attempt, Condition, KvWrite } from '../../src/shard/operation.js';

/** A version 7 UUID made at `timeMs`; `n` distinguishes ids of the same time. */
export function v7Id(timeMs: number, n: number): Uint8Array {
  const id = Buffer.alloc(16);
  id.writeUIntBE(timeMs, 0, 6);
  id[6] = 0x70;
  id[8] = 0x80;
  id.writeUInt32BE(n, 12);
  return id;
}

/** A version 4 UUID. */
export function v4Id(n: number): Uint8Array {
  const id = Buffer.alloc(16, 0xab);
  id[6] = 0x4b;
  id[8] = 0x8b;
  id.writeUInt32BE(n, 12);
  return id;
}

let made = 0;

export interface WriteOptions {
  readonly id?: Uint8Array;
  /** Default: `client-keyed` if there is an id, else `initial`. */
  readonly attempt?: Attempt;
  readonly condition?: Condition;
  readonly atMs?: number;
  readonly contentType?: string;
}

const attemptOf = ({ id, attempt }: WriteOptions): Attempt =>
  attempt ?? (id === undefined ? 'initial' : 'client-keyed');
const NO_CONDITION: Condition = { type: 'none' };

/** Entry data of a put. Without an id, under a fresh one of version 4. */
export function putEntry(key: unknown, body: string, options: WriteOptions = {}): Uint8Array {
  const write: KvWrite = {
    type: 'put',
    key: encodeKey(key),
    body: Buffer.from(body),
    contentType: options.contentType ?? 'text/plain',
    condition: options.condition ?? NO_CONDITION,
    operationId: options.id ?? v4Id((made += 1)),
    attempt: attemptOf(options),
  };
  return encodeCommand(write, options.atMs ?? 0);
}

/** Entry data of a delete. */
export function deleteEntry(key: unknown, options: WriteOptions = {}): Uint8Array {
  const operationId = options.id ?? v4Id((made += 1));
  const condition = options.condition ?? NO_CONDITION;
  const attempt = attemptOf(options);
  return encodeCommand({ type: 'delete', key: encodeKey(key), condition, operationId, attempt }, options.atMs ?? 0);
}
