/**
 * What clients were answered under ids of their own: all definite answers under one id say the same, by whichever router
 * and however often they were asked for.
 */
import { decodeOutcome, type Answer } from '../shard/index.js';

/** Refusals that the state of the keys made; asked again under the same id, they come again. */
const OF_THE_STATE: ReadonlySet<string> = new Set(['precondition-failed', 'wrong-type', 'value-too-large']);

export interface DefiniteAnswer {
  readonly says: string;
  /** Of a success; undefined: left out. */
  readonly results?: string | undefined;
}

/** Undefined: the answer settles nothing, and the request may be repeated. */
export function definiteAnswer(answer: Answer | undefined): DefiniteAnswer | undefined {
  if (answer?.type === 'refused') return OF_THE_STATE.has(answer.code) ? { says: answer.code } : undefined;
  if (answer?.type !== 'program') return undefined;
  const outcome = decodeOutcome(answer.outcome);
  if ('code' in outcome) return { says: outcome.code };
  const { succeeded, omitted } = outcome;
  const results = omitted ? undefined : JSON.stringify(outcome.results, withoutRevisions);
  return { says: succeeded ? 'done' : 'not done: a comparison did not hold', results };
}

/**
 * Revisions are not compared: a participant that is told its decision again, because its first acknowledgement was lost,
 * names the entry of the repeat, so the first answer may have a later revision than the one that is kept.
 */
const withoutRevisions = (name: string, value: unknown): unknown => {
  if (name === 'revision' || name === 'createRevision') return undefined;
  return typeof value === 'bigint' ? value.toString() : value;
};

export class KeyedAnswers {
  /** By id, with where it came from. */
  readonly #first = new Map<string, DefiniteAnswer & { readonly through: string }>();
  /** The first two answers under one id that say different things; undefined: there are none. */
  disagreement: string | undefined;

  /** @param through what was asked */
  add(id: Uint8Array, answer: Answer | undefined, through: string): void {
    const definite = definiteAnswer(answer);
    if (definite === undefined) return;
    const name = Buffer.from(id).toString('hex');
    const first = this.#first.get(name);
    if (first === undefined) {
      this.#first.set(name, { ...definite, through });
      return;
    }
    const { says, results } = definite;
    const agree =
      first.says === says && (first.results === undefined || results === undefined || first.results === results);
    if (first.results === undefined && agree) this.#first.set(name, { ...first, results });
    if (agree) return;
    const other = first.says === says ? 'the same with other results' : says;
    this.disagreement ??= `under the client's id ${name}: ${first.says}, through ${first.through}; then ${other}, through ${through}`;
  }
}
