/** When the expirer proposes, and how much: what the simulator shows in whole clusters, here for a few replicas. */
import { beforeAll, describe, expect, it } from 'vitest';
import { refuse } from '../../src/shard/errors.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import { viewProgramCommand } from '../../src/shard/machine/command.js';
import { Expirer, type ExpirerOptions } from '../../src/shard/node/expirer.js';
import type { Waiter } from '../../src/shard/node/pending.js';
import type { Replica } from '../../src/shard/node/replica.js';

beforeAll(loadHash);

const KEY = Uint8Array.of(64, 1);

interface Proposal {
  readonly replica: number;
  readonly keys: number;
  readonly waiter: Waiter;
}

/** Leaders, each with keys that are due at 1,000 ms; time passes by `run`. */
function leaders(count = 1, due = 1, { keepsDeletions = true, mayPropose = true } = {}) {
  let now = 0;
  let isAllowed = mayPropose;
  let timers: { at: number; task: () => void }[] = [];
  let proposals: Proposal[] = [];
  const left = Array.from({ length: count }, () => due);
  const replicas = left.map((_, index) => ({
    isLeader: true,
    machine: {
      keepsDeletions,
      get earliestExpiryMs() {
        return (left[index] ?? 0) > 0 ? 1_000 : Infinity;
      },
      dueKeys: (nowMs: number, limit: number) =>
        nowMs < 1_000 ? [] : Array.from({ length: Math.min(limit, left[index] ?? 0) }, () => KEY),
    },
    entryClock: { read: () => now },
    write: (data: Uint8Array, waiter: Waiter) => {
      proposals.push({ replica: index, keys: viewProgramCommand(data).keys.length, waiter });
    },
  }));
  const expirer = new Expirer({
    replicas: { all: () => replicas, markDirty: () => undefined },
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
    mayPropose: () => isAllowed,
  } as unknown as ExpirerOptions);
  /** Runs until `until`; `answer` is given the open proposals after each event, and returns those that stay open. */
  const run = (until: number, answer: (open: readonly Proposal[]) => readonly Proposal[]): number => {
    let proposed = 0;
    for (let events = 0; events < 10_000; events++) {
      const next = timers.sort((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) return proposed;
      now = next.at;
      timers = timers.filter((one) => one !== next);
      const before = proposals.length;
      next.task();
      proposed += proposals.length - before;
      proposals = [...answer(proposals)];
    }
    throw new Error('the expirer never rests');
  };
  const applied = ({ replica, keys, waiter }: Proposal): void => {
    left[replica] = (left[replica] ?? 0) - keys;
    waiter.done({ type: 'delete', deleted: true, revision: 1, replayed: false });
  };
  const allow = (): void => {
    isAllowed = true;
  };
  const answer = (by: (open: readonly Proposal[]) => readonly Proposal[]): void => {
    proposals = [...by(proposals)];
  };
  /** Keys of each open proposal. */
  const proposed = (): number[] => proposals.map(({ keys }) => keys);
  return { expirer, replicas: replicas as unknown as Replica[], run, applied, left, proposed, answer, allow };
}

const nothing = (open: readonly Proposal[]): readonly Proposal[] => open;

describe('the expirer', () => {
  it('sleeps until the first deadline, and proposes once', () => {
    const { expirer, replicas, run } = leaders();
    for (const replica of replicas) expirer.note(replica);
    expect(run(999, nothing)).toBe(0);
    expect(run(1_500, nothing)).toBe(1);
  });

  it('rests after a refusal: while leadership is handed over, the next one would be refused at once', () => {
    const { expirer, replicas, run } = leaders();
    for (const replica of replicas) expirer.note(replica);
    const proposed = run(2_000, (open) => {
      for (const { waiter } of open) waiter.done(refuse('disk-full'));
      return [];
    });
    expect(proposed).toBe(11);
    for (const replica of replicas) expirer.note(replica);
    expect(run(2_050, nothing)).toBe(0);
  });

  it('proposes an entry without keys where deletions are not kept yet, once all nodes can read it, until it is applied', () => {
    const early = leaders(1, 0, { keepsDeletions: false, mayPropose: false });
    for (const replica of early.replicas) early.expirer.note(replica);
    expect(early.run(10_000, nothing)).toBe(0);
    // The shard may be quiet when the feature level rises.
    early.allow();
    early.expirer.noteAll();
    expect(early.run(10_100, nothing)).toBe(1);
    const { expirer, replicas, run, proposed, answer } = leaders(1, 0, { keepsDeletions: false });
    const note = (): void => {
      for (const replica of replicas) expirer.note(replica);
    };
    note();
    note();
    // Not within the turn that is under way: it may have passed the place where it proposes.
    expect(proposed()).toEqual([]);
    run(0, nothing);
    note();
    run(50, nothing);
    expect(proposed()).toEqual([0]);
    const refuseAll = (open: readonly Proposal[]): readonly Proposal[] => {
      for (const { waiter } of open) waiter.done(refuse('no-leader'));
      return [];
    };
    answer(refuseAll);
    note();
    expect(proposed()).toEqual([]);
    expect(run(300, refuseAll)).toBe(3);
    const settled = leaders(1, 0);
    for (const replica of settled.replicas) settled.expirer.note(replica);
    expect(settled.run(10_000, nothing)).toBe(0);
  });

  it('has few keys under way at a time, and gives every replica its turn', () => {
    const { expirer, replicas, run, applied, left } = leaders(8, 1_000);
    for (const replica of replicas) expirer.note(replica);
    let most = 0;
    const served: number[] = [];
    run(60_000, (open) => {
      most = Math.max(
        most,
        open.reduce((sum, { keys }) => sum + keys, 0),
      );
      const [oldest, ...others] = open;
      if (oldest === undefined) return [];
      served.push(oldest.replica);
      applied(oldest);
      return others;
    });
    expect(left).toEqual(Array(8).fill(0));
    expect(most).toBe(320);
    // None gets a second turn before each other one has had about as many.
    for (const at of [16, 32, 64]) {
      const turns = replicas
        .map((_, one) => one)
        .map((one) => served.slice(0, at).filter((each) => each === one).length);
      expect(Math.max(...turns) - Math.min(...turns)).toBeLessThanOrEqual(2);
    }
  });
});
