/**
 * Fuzzers for bodies of batches, transactions and patches. Whatever comes in is answered: never by a defect, a refusal
 * names a field and has changed nothing, and what the schemas let through can be encoded and applied. A run that fails
 * prints its seed.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/router/http/limits.js';
import { comparisonOf, stepOf } from '../../src/router/kv/operation-steps.js';
import { patchStep } from '../../src/router/kv/patch-steps.js';
import { batchIn, transactionOf } from '../../src/router/kv/plain-puts.js';
import { JsonText, readJson } from '../../src/router/kv/read-json.js';
import { batchBody, checked, PATCH_TYPES, RAW_MEMBERS, transactionBody } from '../../src/router/kv/schemas.js';
import {
  KvorumError,
  decodeOutcome,
  decodeProgram,
  encodeProgram,
  loadHash,
  stringKey,
} from '../../src/shard/index.js';
import type { Program, Step } from '../../src/shard/index.js';
import { encodeProgramCommand } from '../../src/shard/machine/command.js';
import { KvMachine } from '../../src/shard/machine/kv-machine.js';
import {
  bodies,
  plainBatch,
  plainTransaction,
  validBatch,
  validPatches,
  validTransaction,
} from '../support/body-mutations.js';
import { startReal, type Front } from '../support/fronts.js';
import type { Answered } from '../support/http-harness.js';
import { MapStateStore } from '../support/map-state-store.js';

const LIMITS = { ...DEFAULT_LIMITS, valueBytes: 64, jsonDepth: 16, jsonMembers: 100 };
const REFUSALS = ['invalid-request', 'value-too-large', 'key-too-long'];
const PATCHES = Object.entries(validPatches) as [keyof typeof validPatches, fc.Arbitrary<never>][];

beforeAll(loadHash);

describe('what the schemas let through', () => {
  const machine = new KvMachine(new MapStateStore());
  let index = 0;

  /** Applies the program as a node does. Nothing may throw: every build that reads the entry has to go on. */
  function apply(program: Program): void {
    const body = encodeProgram(program);
    expect(encodeProgram(decodeProgram(body))).toEqual(body);
    const operationId = Buffer.alloc(16);
    operationId.writeUInt32BE((index += 1));
    const write = { type: 'program', key: stringKey(''), body, operationId, attempt: 'initial' } as const;
    const answer = machine.apply(index, encodeProgramCommand(write, index));
    if (answer?.type !== 'program') throw new Error('the program was not answered');
    decodeOutcome(answer.outcome);
  }

  const programOf = (then: readonly Step[], more: Partial<Program> = {}): Program => ({
    ...{ comparisons: [], then, otherwise: [], onError: 'continue', valueLimit: LIMITS.valueBytes, ...more },
  });

  /** @returns the field of a refusal; undefined: it was accepted, and applied */
  function refusedField(read: () => Program): string | undefined {
    let program: Program;
    try {
      program = read();
    } catch (error) {
      if (!(error instanceof KvorumError)) throw error;
      expect(REFUSALS).toContain(error.code);
      expect(error.outcome).toBe('not_applied');
      expect(error.details.field?.length).toBeGreaterThan(0);
      return error.details.field;
    }
    apply(program);
    return undefined;
  }

  const bounds = { depth: LIMITS.jsonDepth + 3, members: 1_000 };
  const document = (body: Buffer): unknown => readJson([body], { raw: RAW_MEMBERS, bounds, fieldOf: () => 'body' })[0];

  it('in a batch can be applied', () => {
    let accepted = 0;
    fc.assert(
      fc.property(bodies(validBatch), (body) => {
        const field = refusedField(() =>
          programOf(
            checked(batchBody, document(body), '').ops.map(
              (op, at) => stepOf(op, { list: 'ops', index: at }, LIMITS, undefined).step,
            ),
          ),
        );
        if (field === undefined) accepted += 1;
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  it('in a transaction can be applied', () => {
    let accepted = 0;
    fc.assert(
      fc.property(bodies(validTransaction), (body) => {
        const field = refusedField(() => {
          const read = checked(transactionBody, document(body), '');
          const { then = [], else: otherwise = [], if: ifs = [], on_error: onError = 'fail' } = read;
          if (then.length + otherwise.length + ifs.length === 0)
            throw new KvorumError('invalid-request', '', { field: 'then' });
          return programOf(
            then.map((op, at) => stepOf(op, { list: 'then', index: at }, LIMITS, undefined).step),
            {
              onError,
              otherwise: otherwise.map((op, at) => stepOf(op, { list: 'else', index: at }, LIMITS, undefined).step),
              comparisons: ifs.map((each, at) => comparisonOf(each, { list: 'if', index: at }, undefined)),
            },
          );
        });
        if (field === undefined) accepted += 1;
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  it('puts that the schemas need not see are what they would let through, as it is', () => {
    /** Texts (`JsonText`) have nothing inside that could be compared: they are the same ones, or not. */
    const flat = (value: unknown): unknown[] =>
      Array.isArray(value) || (value !== null && typeof value === 'object' && !(value instanceof JsonText))
        ? [...Object.entries(value), 'end'].flatMap((each) =>
            Array.isArray(each) ? [each[0], ...flat(each[1])] : each,
          )
        : [value];
    const outcome = (read: () => unknown): unknown[] => {
      try {
        return flat(read());
      } catch (error) {
        if (!(error instanceof KvorumError)) throw error;
        return [error.code, error.message, error.details.field];
      }
    };
    let [passed, equal] = [0, 0];
    const compare = (body: Buffer, mine: (read: unknown) => unknown, theirs: (read: unknown) => unknown): void => {
      let read: unknown;
      try {
        read = document(body);
      } catch {
        return;
      }
      const [fast, checkedBySchema] = [outcome(() => mine(read)), outcome(() => theirs(read))];
      expect(fast.length).toBe(checkedBySchema.length);
      for (const [index, each] of fast.entries()) expect(each).toBe(checkedBySchema[index]);
      equal += 1;
      if (mine(read) === read) passed += 1;
    };
    const comparing = (mine: (read: unknown) => unknown, theirs: (read: unknown) => unknown) => (body: Buffer) => {
      try {
        compare(body, mine, theirs);
      } catch (error) {
        if (!(error instanceof KvorumError)) throw error;
      }
    };
    const batch = comparing(batchIn, (read) => checked(batchBody, read, ''));
    const transaction = comparing(transactionOf, (read) => checked(transactionBody, read, ''));
    for (const valid of [plainBatch, validBatch]) fc.assert(fc.property(bodies(valid), batch), { numRuns: 1_500 });
    for (const valid of [plainTransaction, validTransaction]) {
      fc.assert(fc.property(bodies(valid), transaction), { numRuns: 1_500 });
    }
    expect(passed).toBeGreaterThan(500);
    expect(equal).toBeGreaterThan(2 * passed);
  });

  it.each(PATCHES)('in a PATCH of %s can be applied', (type, valid) => {
    let accepted = 0;
    const base = { key: stringKey('a'), condition: { type: 'none' }, returning: 'value' } as const;
    const json = { depth: LIMITS.jsonDepth, members: LIMITS.jsonMembers };
    fc.assert(
      fc.property(bodies(valid), (body) => {
        const field = refusedField(() => programOf([{ ...patchStep(type, body, 'body', json), ...base }]));
        if (field === undefined) accepted += 1;
        else expect(field).toMatch(/^body/);
      }),
      { numRuns: 1_000 },
    );
    expect(accepted).toBeGreaterThan(50);
  });
});

describe('row 51 over HTTP', () => {
  let front: Front;
  beforeAll(async () => {
    front = await startReal('leader', 2)({ limits: LIMITS });
  });
  afterAll(async () => {
    front.checkNodes();
    await front.close();
  });

  const STATUSES = [200, 201, 400, 404, 409, 412, 413, 414];
  let known: unknown;
  const state = async (): Promise<unknown> =>
    ((await front.http.ask('GET', '/v1/kv?limit=10000')).json as { items: unknown }).items;

  /** A refusal names its field; and has changed nothing. */
  async function check(answer: Answered): Promise<void> {
    expect(STATUSES).toContain(answer.status);
    if (answer.status === 400) {
      const { field, code, outcome, detail } = answer.json as Record<'field' | 'code' | 'outcome' | 'detail', string>;
      // With its detail, which says what was wrong where this fails.
      expect({ detail, code, outcome }).toEqual({ detail, code: 'invalid-request', outcome: 'not_applied' });
      expect(field).toMatch(/[^]/);
    }
    const now = await state();
    if (answer.status >= 400) expect(now).toEqual(known);
    known = now;
  }

  const post = (route: string, body: Buffer, type = 'application/json'): Promise<Answered> =>
    front.http.ask('POST', route, { 'content-type': type }, body);

  it('a batch, as a document or as lines', async () => {
    known = await state();
    await fc.assert(
      fc.asyncProperty(bodies(validBatch), fc.boolean(), async (body, asLines) => {
        const answer = await post('/v1/batch', body, asLines ? 'application/x-ndjson' : 'application/json');
        await check(answer);
        if (answer.status !== 200 || asLines) return;
        const { results } = answer.json as { results: { status: number; field?: string }[] };
        for (const { status } of results) expect(STATUSES).toContain(status);
      }),
      { numRuns: 250 },
    );
  });

  it('a transaction', async () => {
    known = await state();
    await fc.assert(
      fc.asyncProperty(bodies(validTransaction), async (body) => check(await post('/v1/txn', body))),
      { numRuns: 250 },
    );
  });

  it.each(Object.values(PATCH_TYPES))('a PATCH of %s', async (type) => {
    known = await state();
    const valid = type === PATCH_TYPES.append ? validPatches[PATCH_TYPES.merge] : validPatches[type];
    await fc.assert(
      fc.asyncProperty(bodies(valid), async (body) => {
        await check(await front.http.ask('PATCH', '/v1/kv/a', { 'content-type': type }, body));
      }),
      { numRuns: 100 },
    );
  });
});
