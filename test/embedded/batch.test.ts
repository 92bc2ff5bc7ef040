/** Batches against an executor that answers as told: what is sent for each shard, and what comes of its answers. */
import { beforeAll, describe, expect, it } from 'vitest';
import { commitOf } from '../../src/embedded/atomic.js';
import { runBatch } from '../../src/embedded/batch.js';
import type { BatchOperation } from '../../src/embedded/entries.js';
import type { Executor } from '../../src/embedded/executor.js';
import {
  KvorumError,
  decodeProgram,
  encodeKey,
  encodeOutcome,
  loadHash,
  type Answer,
  type KvOperation,
  type ProgramOutcome,
} from '../../src/shard/index.js';

beforeAll(loadHash);

const answer = (outcome: Partial<ProgramOutcome>): Answer => ({
  type: 'program',
  revision: 9,
  outcome: encodeOutcome({ succeeded: true, results: [], lastDeletion: 0, omitted: false, ...outcome }),
  replayed: false,
});
const written = { type: 'write', revision: 9, version: 1, created: true } as const;

/** Shards by the first character of a string key. */
function executor(answers: (shard: number, operation: KvOperation) => Promise<Answer>) {
  const sent: { readonly shard: number; readonly operation: KvOperation }[] = [];
  const shardOf = (key: Uint8Array): number => Number(String.fromCharCode(key[1] ?? 0));
  const fake: Executor = {
    shards: 4,
    namespace: undefined,
    keyOf: encodeKey,
    locationOf: () => ({ shard: -1, replicas: [], leader: undefined }),
    shardOf,
    opened: () => Promise.resolve(),
    execute: () => Promise.reject(new Error('a batch executes nothing')),
    ask: async (operation) => {
      const shard = 'key' in operation ? shardOf(operation.key) : -1;
      sent.push({ shard, operation });
      return { answer: await answers(shard, operation), term: 1, servedBy: 1, shard };
    },
    transact: () => Promise.reject(new Error('no transaction')),
    backoff: () => Promise.resolve(),
    within: () => fake,
  };
  return { fake, sent };
}

const put = (key: string): BatchOperation => ({ op: 'put', key, value: key });
const get = (key: string): BatchOperation => ({ op: 'get', key });

describe('a batch', () => {
  it('is one entry for each shard, one read where it only gets', async () => {
    const { fake, sent } = executor((_, { type }) =>
      Promise.resolve(answer({ results: type === 'read' ? [{ type: 'get', record: undefined }] : [written, written] })),
    );
    const results = await runBatch(fake, [put('1a'), get('2a'), put('1b')]);
    expect(sent).toMatchObject([
      { shard: 1, operation: { type: 'program', attempt: 'initial' } },
      { shard: 2, operation: { type: 'read', consistency: 'linearizable' } },
    ]);
    const [first] = sent;
    expect(first?.operation.type === 'program' && decodeProgram(first.operation.body)).toMatchObject({
      ...{ onError: 'continue', comparisons: [], then: [{ type: 'put' }, { type: 'put' }] },
    });
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  });

  it('fails only the operations of a shard that fails', async () => {
    const cause = new Error('a disk');
    const failure = Object.assign(new KvorumError('no-leader'), { cause });
    const { fake } = executor((shard) =>
      shard === 1 ? Promise.reject(failure) : Promise.resolve(answer({ results: [written] })),
    );
    expect(await runBatch(fake, [put('1a'), put('2a'), put('1b')])).toMatchObject([
      { status: 'rejected', reason: { code: 'no-leader', cause } },
      { status: 'fulfilled', value: { revision: 9 } },
      { status: 'rejected', reason: { code: 'no-leader', cause } },
    ]);
  });

  it('whose results were too long for a retry that was answered again is of unknown outcome', async () => {
    const { fake } = executor(() => Promise.resolve(answer({ omitted: true })));
    expect(await runBatch(fake, [put('1a'), get('1a')])).toMatchObject([
      { status: 'rejected', reason: { code: 'timeout', outcome: 'unknown' } },
      { status: 'rejected', reason: { code: 'timeout', outcome: 'unknown' } },
    ]);
  });

  it('passes a defect on', async () => {
    const { fake } = executor(() => Promise.reject(new TypeError('a defect')));
    await expect(runBatch(fake, [put('1a')])).rejects.toThrow(new TypeError('a defect'));
  });
});

describe('a commit', () => {
  it('is known though its results were too long for a retry', () => {
    const revisions = new Map([[0, 9]]);
    const commit = (outcome: Partial<ProgramOutcome>) => commitOf({ answer: answer(outcome), revisions });
    expect(commit({ omitted: true })).toEqual({ committed: true, revision: 9, revisions });
    expect(commit({ omitted: true, succeeded: false })).toEqual({ committed: false });
  });
});
