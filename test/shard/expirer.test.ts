/** When the expirer proposes: what the simulator shows in whole clusters, here for one replica that refuses. */
import { beforeAll, describe, expect, it } from 'vitest';
import { refuse } from '../../src/shard/errors.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { Expirer, type ExpirerOptions } from '../../src/shard/node/expirer.js';
import type { Waiter } from '../../src/shard/node/pending.js';
import type { Replica } from '../../src/shard/node/replica.js';

beforeAll(loadHash);

const KEY = Uint8Array.of(64, 1);

/** A leader with one key that is due at 1,000 ms; time passes by `run`. */
function leader() {
  let now = 0;
  let timers: { at: number; task: () => void }[] = [];
  const waiters: Waiter[] = [];
  const replica = {
    isLeader: true,
    machine: { earliestExpiryMs: 1_000, dueKeys: (nowMs: number) => (nowMs >= 1_000 ? [KEY] : []) },
    entryClock: { read: () => now },
    write: (_: Uint8Array, waiter: Waiter) => waiters.push(waiter),
  };
  const expirer = new Expirer({
    replicas: { all: () => [replica], markDirty: () => undefined },
    runtime: {
      now: () => now,
      after: (ms: number, task: () => void) => {
        const timer = { at: now + ms, task };
        timers.push(timer);
        return { cancel: () => (timers = timers.filter((one) => one !== timer)) };
      },
    },
    inbox: {
      task: (task: () => void) => {
        task();
      },
    },
  } as unknown as ExpirerOptions);
  /** Runs until `until`; `answer` is given to each proposal at once. */
  const run = (until: number, answer: (waiter: Waiter) => void): number => {
    let proposed = 0;
    for (let events = 0; events < 10_000; events++) {
      const next = timers.sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) return proposed;
      now = next.at;
      timers = timers.filter((one) => one !== next);
      next.task();
      for (const waiter of waiters.splice(0)) {
        proposed++;
        answer(waiter);
      }
    }
    throw new Error('the expirer never rests');
  };
  return { expirer, replica: replica as unknown as Replica, run };
}

describe('the expirer', () => {
  it('sleeps until the first deadline, and proposes once', () => {
    const { expirer, replica, run } = leader();
    expirer.note(replica);
    expect(run(999, () => undefined)).toBe(0);
    expect(run(1_500, () => undefined)).toBe(1);
  });

  it('rests after a refusal: while leadership is handed over, the next one would be refused at once', () => {
    const { expirer, replica, run } = leader();
    expirer.note(replica);
    const proposed = run(2_000, (waiter) => {
      waiter.done(refuse('disk-full'));
    });
    expect(proposed).toBe(11);
    expirer.note(replica);
    expect(run(2_050, () => undefined)).toBe(0);
  });
});
