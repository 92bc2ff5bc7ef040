/**
 * What the values in the answer to one request may have together, over all shards (`MAX_ANSWER_BYTES`). Each shard holds
 * its own answer to that limit; here is what holds the sum of them, in the answer and while it is put together.
 */
import {
  answerTooLarge,
  MAX_ANSWER_BYTES,
  type Program,
  type Step,
  type StepResult,
  type TransactionPart,
} from '../../shard/index.js';

/** A result as it may be answered. What was done stays done: then only its record is left out. */
export type FittedResult = StepResult & { readonly isRecordOmitted?: true };

/** Room that the values of one answer still have, in the order in which they are fitted. */
export class AnswerBudget {
  readonly #limit: number;
  #used = 0;

  constructor(limit: number = MAX_ANSWER_BYTES) {
    this.#limit = limit;
  }

  /** The results of one shard. A `get` that has no room fails. */
  fitAll(results: readonly StepResult[]): readonly FittedResult[] {
    if (!results.some(hasRecord)) return results;
    const fitted = results.map((result) => this.#fit(result));
    // Values are views of their shard's answer, all of which would be kept with any of them.
    return fitted.every((each, at) => each === results[at]) ? fitted : fitted.map(detached);
  }

  #fit(result: StepResult): FittedResult {
    if (result.type === 'failed' || result.type === 'delete-range' || result.record === undefined) return result;
    const used = this.#used + result.record.body.length;
    // A single value is always answered, as it is to its own request.
    if (this.#used === 0 || used <= this.#limit) {
      this.#used = used;
      return result;
    }
    if (result.type === 'get') return answerTooLarge(this.#limit);
    const rest = { ...result };
    delete rest.record;
    return { ...rest, isRecordOmitted: true };
  }
}

const hasRecord = (result: StepResult): boolean =>
  result.type !== 'failed' && result.type !== 'delete-range' && result.record !== undefined;

function detached(result: FittedResult): FittedResult {
  if (result.type === 'failed' || result.type === 'delete-range' || result.record === undefined) return result;
  return { ...result, record: { ...result.record, body: Uint8Array.from(result.record.body) } };
}

/** Bytes of values that shards may be asked for at the same time, for one request. */
export const MAX_ASKED_BYTES = 8 * MAX_ANSWER_BYTES;

/** Bytes of values that a shard may answer to these steps, but for a single longer value. */
export const mostAnswered = (steps: readonly Step[], valueLimit: number): number =>
  Math.min(answering(steps) * valueLimit, MAX_ANSWER_BYTES);

/** Steps that answer a value. */
const answering = (steps: readonly Step[]): number =>
  steps.filter(({ type, returning }) => type === 'get' || returning !== 'nothing').length;

/**
 * Parts of a transaction over shards, each with its share of `MAX_ANSWER_BYTES`, according to the values that it may
 * answer. The shares have to be known beforehand: votes decide, so nobody can refuse what all shards have accepted.
 */
export function withAnswerLimits(parts: ReadonlyMap<number, TransactionPart>): ReadonlyMap<number, TransactionPart> {
  let [count, most] = [0, 0];
  for (const { program } of parts.values()) {
    count += answeringIn(program);
    most = Math.max(most, program.valueLimit);
  }
  if (count * most <= MAX_ANSWER_BYTES) return parts;
  const shareOf = ({ program }: TransactionPart): number =>
    Math.floor((MAX_ANSWER_BYTES * answeringIn(program)) / count);
  return new Map([...parts].map(([shard, part]) => [shard, { ...part, answerLimit: shareOf(part) }]));
}

const answeringIn = ({ then, otherwise }: Program): number => Math.max(answering(then), answering(otherwise));

export interface Asking<T> {
  /** Bytes of values that the answer may have. */
  readonly most: number;
  readonly ask: () => Promise<T>;
}

/**
 * Asks for all answers at once, as far as they cannot have more than `MAX_ASKED_BYTES` together, and uses them in order.
 * @param use must not keep more of an answer than the budget has room for
 */
export async function askWithinBytes<T>(
  askings: readonly Asking<T>[],
  use: (answer: T, index: number) => void,
): Promise<void> {
  const asked = new Map<number, { readonly most: number; readonly answer: Promise<T> }>();
  let bytes = 0;
  let next = 0;
  for (let at = 0; at < askings.length; at += 1) {
    for (let each = askings[next]; each !== undefined; each = askings[next]) {
      if (bytes > 0 && bytes + each.most > MAX_ASKED_BYTES) break;
      const answer = each.ask();
      // Those behind one that fails are not waited for.
      answer.catch(() => undefined);
      asked.set(next, { most: each.most, answer });
      bytes += each.most;
      next += 1;
    }
    const due = asked.get(at);
    if (due === undefined) return;
    use(await due.answer, at);
    asked.delete(at);
    bytes -= due.most;
  }
}
