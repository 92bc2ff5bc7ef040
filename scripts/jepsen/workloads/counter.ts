/**
 * Counters: each acknowledged increment counts once, one with an unknown outcome at most once.
 *
 * The history has each increment with the number that it answered, so the checker judges the order; here the sum at the
 * end is compared with what was acknowledged. Now and then a large value goes to another key: increments are small,
 * and a narrow link or a lagging follower needs more than that.
 */
import type { Operation } from '../../../src/check/index.js';
import { KeyPool } from '../keys.js';
import type { Session } from '../session.js';
import type { Finals, Workload } from './workload.js';

export interface CounterOptions {
  readonly clients: number;
  readonly operationsPerKey: number;
  /** Contradictions of revisions: as increments are positive, a counter has each number once. */
  readonly contradictions: () => readonly string[];
}

const CLIENTS_PER_KEY = 3;
const INCREMENT_SHARE = 0.6;
const TEXT_SHARE = 0.02;
const RETRY_SHARE = 0.5;
const MOST_ADDED = 9;
const INCREMENT_TYPE = 'application/vnd.kvorum.increment+json';

export function counterWorkload({ clients, operationsPerKey, contradictions }: CounterOptions): Workload {
  const active = Math.max(2, Math.ceil(clients / CLIENTS_PER_KEY));
  const counters = new KeyPool({ prefix: 'n', active, budget: operationsPerKey });
  const texts = new KeyPool({ prefix: 'text', active: 2, budget: operationsPerKey });
  let values = 0;

  const increment = async (session: Session, key: string): Promise<void> => {
    const { random } = session;
    const by = random.integer(1, MOST_ADDED);
    await session.perform({
      ...{ method: 'PATCH', key, body: JSON.stringify({ by }), contentType: INCREMENT_TYPE },
      retries: random.chance(RETRY_SHARE),
      invocation: { op: 'increment', key, value: String(by) },
    });
  };

  return {
    get keys() {
      return [...counters.names, ...texts.names];
    },
    problems: (operations, finals) => [...contradictions(), ...checkCounts(operations, finals)],
    async step(session) {
      const { random } = session;
      const draw = random.next();
      if (draw < INCREMENT_SHARE) await increment(session, counters.take(random));
      else if (draw < 1 - TEXT_SHARE) await session.get(counters.take(random));
      else {
        const key = texts.take(random);
        const value = `v${values++}`;
        const invocation = { op: 'put', key, value } as const;
        await session.perform({ method: 'PUT', key, body: value, large: true, retries: false, invocation });
      }
    },
  };
}

/** Every counter is the sum of what was acknowledged and of some of what is unknown. */
export function checkCounts(operations: readonly Operation[], finals: Finals): string[] {
  const problems: string[] = [];
  const sums = new Map<string, { least: number; most: number }>();
  for (const { op, key, value, ok } of operations) {
    if (op !== 'increment') continue;
    const sum = sums.get(key) ?? { least: 0, most: 0 };
    sums.set(key, sum);
    if (ok === true) sum.least += Number(value);
    if (ok !== false) sum.most += Number(value);
  }
  for (const [key, { least, most }] of sums) {
    const final = finals.get(key);
    if (final === undefined) {
      problems.push(`${key} was not read at the end`);
      continue;
    }
    const number = Number(final ?? '0');
    if (!(number >= least)) problems.push(`${key} is ${final ?? 'absent'}, and ${least} were acknowledged`);
    else if (number > most) problems.push(`${key} is ${number}, and at most ${most} were added`);
  }
  return problems;
}
