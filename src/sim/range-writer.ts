/**
 * Requests of a client of ranges that write: each is one or more writes, under ids of their own or derived from the one
 * that the client gave. Every answer is compared with what the entry did (`range-oracle.ts`).
 */
import { askWithin, type DispatchReply } from '../router/index.js';
import { decodeOutcome, shardOfKey, shardOfOperation, type Answer, type KvWrite } from '../shard/index.js';
import type { ClientEndpoint } from './client.js';
import type { Mark } from './marks.js';
import { makeId } from './operation-ids.js';
import { judgeWrite } from './range-oracle.js';
import type { RangeTools } from './range-tools.js';

/** A write, its answer, and the revision of its shard before it was sent. */
interface Sent {
  readonly operation: KvWrite;
  readonly reply: DispatchReply;
  readonly least: number;
}

/** @param operationId given by the client; undefined: none */
export type Writes = (
  write: (operation: KvWrite) => Promise<DispatchReply>,
  operationId: Uint8Array | undefined,
) => Promise<unknown>;

const MOST_REPEATS = 2;
/** How long a client waits beyond the deadline of its request. */
const PATIENCE_MS = 100;

export class RangeWriter {
  readonly #tools: RangeTools;
  /** Ids of writes that were refused as not applied: they must never be. */
  readonly #refused: { readonly shard: number; readonly operationId: Uint8Array }[] = [];

  constructor(tools: RangeTools) {
    this.#tools = tools;
  }

  /** @returns what was refused as not applied and was applied; undefined: nothing */
  judge(): string | undefined {
    const { histories } = this.#tools;
    const wrong = this.#refused.find(({ shard, operationId }) => histories(shard).answerOf(operationId) !== undefined);
    return wrong && `a write to shard ${wrong.shard} was refused as not applied, and was applied`;
  }

  /** Sent again under the client's id, if it gave one, as long as the outcome is not known. */
  request(name: string, run: Writes, done: () => void): void {
    const { random, parameters, scenario, clock, requester, concluded } = this.#tools;
    const isKeyed = random.chance(parameters.keyedShare) && scenario.former === undefined;
    const operationId = isKeyed ? makeId(clock, random) : undefined;
    const deadlineMs = random.pick([500, 1_000, 3_000]);
    const attempt = (repeats: number): void => {
      const sent: Sent[] = [];
      const task = (endpoint: ClientEndpoint): Promise<unknown> =>
        run(this.#writing(endpoint, deadlineMs, sent), operationId);
      requester.send(task, deadlineMs + PATIENCE_MS, (result) => {
        for (const one of sent) this.#judge(name, one);
        const isOpen = result === undefined || sent.some(({ reply: { answer } }) => isUnknown(answer));
        const isAnswered = sent.every(({ reply: { answer } }) => answer.type !== 'refused');
        concluded(name, isOpen ? 'unknown' : isAnswered ? 'ok' : 'failed');
        if (isOpen && isKeyed && repeats < MOST_REPEATS) attempt(repeats + 1);
        else done();
      });
    };
    attempt(0);
  }

  #writing(endpoint: ClientEndpoint, deadlineMs: number, sent: Sent[]): Parameters<Writes>[0] {
    const { random, scheduler, shards, revisionOf } = this.#tools;
    const { dispatcher, clock } = endpoint;
    const source = {
      execute: (operation: KvWrite, options: { readonly deadlineMs: number; readonly forward: boolean }) =>
        dispatcher.execute(operation, options),
      now: () => scheduler.now,
    };
    const ask = askWithin<KvWrite>(source, { deadlineMs, forward: true });
    return async (asked) => {
      const operation = asked.attempt === 'initial' ? { ...asked, operationId: makeId(clock, random) } : asked;
      const least = revisionOf(shardOfOperation(operation, (key) => shardOfKey(key, shards)));
      const reply = await ask(operation);
      sent.push({ operation, reply, least });
      return reply;
    };
  }

  #judge(name: string, { operation, reply, least }: Sent): void {
    const { histories, violated, reached } = this.#tools;
    const { answer, shard } = reply;
    const isOwn = operation.attempt === 'initial';
    if (answer.type === 'refused') {
      const { operationId } = operation;
      if (isOwn && shard >= 0 && answer.outcome === 'not_applied') this.#refused.push({ shard, operationId });
      return;
    }
    const wrong = judgeWrite(histories(shard), operation, answer);
    if (wrong !== undefined) violated(`${name}, shard ${shard}: ${wrong}`);
    else if (isOwn && answer.revision <= least) {
      violated(`${name}, shard ${shard}: applied at ${answer.revision}, and sent after ${least}`);
    }
    for (const mark of marksOf(operation, answer)) reached(mark);
  }
}

const isUnknown = (answer: Answer): boolean => answer.type === 'refused' && answer.outcome === 'unknown';

function marksOf({ type }: KvWrite, answer: Answer): Mark[] {
  if (type !== 'program' || answer.type !== 'program') return [];
  const outcome = decodeOutcome(answer.outcome);
  if ('code' in outcome) return outcome.code === 'quota-exceeded' ? ['namespace-full'] : [];
  return outcome.results.flatMap((result): Mark[] => {
    if (result.type === 'failed') return result.code === 'quota-exceeded' ? ['namespace-full'] : [];
    return result.type === 'delete-range' && result.deleted > 0 ? ['range-deleted'] : [];
  });
}
