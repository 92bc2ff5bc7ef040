/**
 * A set: unique elements added, each as a key that is created and never changed.
 *
 * At the end every acknowledged element is there, no refused one, none with another value, and none that was never
 * added. In the history an add is a cas from absent, so the checker judges each element as well.
 */
import type { Operation } from '../../../src/check/index.js';
import type { Random } from '../../../src/random.js';
import type { Session } from '../session.js';
import type { Finals, Workload } from './workload.js';

const RETRY_SHARE = 0.5;
const READ_SHARE = 0.4;
/** Reads choose among the elements that any client added last. */
const LATELY = 50;
/** Share of reads of names that could be elements but are never added. */
const NEVER_ADDED_SHARE = 0.02;

const valueOf = (key: string): string => `value of ${key}`;

export function setWorkload(): Workload {
  const added: string[] = [];
  const neverAdded: string[] = [];

  const nameToRead = (random: Random): string => {
    if (added.length > 0 && !random.chance(NEVER_ADDED_SHARE)) return random.pick(added.slice(-LATELY));
    const ghost = `s-never-${neverAdded.length}`;
    neverAdded.push(ghost);
    return ghost;
  };

  return {
    get keys() {
      return [...added, ...neverAdded];
    },
    problems: checkSet,
    async step(session: Session) {
      const { random } = session;
      if (random.chance(READ_SHARE)) {
        await session.get(nameToRead(random));
        return;
      }
      const key = `s-${added.length}`;
      added.push(key);
      const value = valueOf(key);
      const retries = random.chance(RETRY_SHARE);
      const invocation = { op: 'cas', key, expected: null, value } as const;
      await session.perform({ method: 'PUT', key, body: value, ifRevision: 0, retries, invocation });
    },
  };
}

/** Every element, by the outcome of its add. */
export function checkSet(operations: readonly Operation[], finals: Finals): string[] {
  const problems: string[] = [];
  const adds = new Map<string, Operation>();
  for (const operation of operations) {
    if (operation.op === 'cas') adds.set(operation.key, operation);
  }
  for (const [key, { ok }] of adds) {
    const final = finals.get(key);
    if (final === undefined) problems.push(`${key} was not read at the end`);
    else if (ok === true && final === null) problems.push(`${key} was acknowledged and is not there`);
    else if (ok === false && final !== null) problems.push(`${key} was refused and is there`);
  }
  for (const [key, final] of finals) {
    if (final === null) continue;
    if (!adds.has(key)) problems.push(`${key} is there, and nobody added it`);
    else if (final !== valueOf(key)) problems.push(`${key} has a value that nobody wrote: ${final.slice(0, 60)}`);
  }
  return problems;
}
