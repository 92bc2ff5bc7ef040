/** What is due goes: hand-made clusters in which a key stays, or an index of deadlines is wrong, and ones that must pass. */
import { describe, expect, it } from 'vitest';
import { stringKey, type ReplicaView } from '../../src/shard/index.js';
import { ExpiryChecker } from '../../src/sim/expiry-checker.js';
import type { Armed, Reference } from '../../src/sim/reference.js';
import type { SimCluster } from '../../src/sim/sim-cluster.js';

const KEY: Armed = {
  ...{ name: 'k1', key: stringKey('k1'), deadlineMs: 5_400, revision: 3, createRevision: 3, term: 1 },
  ...{ writtenMs: 4_500, atMs: 100 },
};
/** 900 ms of replicated time, which is slower than real time by a tenth at most. */
const LIFE_MS = 1_000;
const LATEST_MS = 2_000;

class Lab {
  nowMs = 0;
  term = 1;
  role: 'leader' | 'follower' = 'leader';
  armed: Armed[] = [KEY];
  /** What the replica's index of deadlines has. */
  due: string[] = ['k1'];
  applied = 3;
  serving = true;
  installing = false;
  isTroubled = false;
  isDiskHung = false;
  isWithoutIndex = false;
  openTransactions = 0;
  readonly checker: ExpiryChecker;

  constructor({ isNarrow = false, drift = 0 } = {}) {
    const node = {
      id: 1,
      replicas: (): ReplicaView[] => [this.#replica],
    };
    const serving = (): boolean => this.serving;
    const cluster = {
      nodes: [Object.defineProperty(node, 'serving', { get: serving })],
      mostDrift: drift,
      isTroubled: () => this.isTroubled,
      disk: () => ({ isTroubled: this.isDiskHung }),
    } as unknown as SimCluster;
    const reference = {
      armed: () => this.armed.map((one) => [1, one] as const),
      appliedOf: () => 3,
      isArmed: (_: number, key: Uint8Array) =>
        this.armed.some(({ name }) => Buffer.compare(stringKey(name), key) === 0),
    } as unknown as Reference;
    this.checker = new ExpiryChecker({ cluster, reference, now: () => this.nowMs, isNarrow });
  }

  get #replica(): ReplicaView {
    const { role, term, applied, installing } = this;
    const dueKeys = (): Uint8Array[] => this.due.map(stringKey);
    const machine = this.isWithoutIndex
      ? {}
      : { dueKeys, openTransactions: () => Array<object>(this.openTransactions) };
    return { id: 1, raft: { id: 1, role, term }, applied, installing, machine } as unknown as ReplicaView;
  }

  /** Whether it is refused to look at `ms`. */
  at(ms: number): () => void {
    return () => {
      this.nowMs = ms;
      this.checker.inspect();
    };
  }
}

describe('a key that is due', () => {
  const OVER = 'group 1: k1 is there';
  /** The last moment: from its writing, and from when the leader was first seen. */
  const last = (sinceMs: number): number => Math.max(KEY.atMs, sinceMs) + LIFE_MS + LATEST_MS;

  it('must be gone a while after its deadline, once all is healed', () => {
    const lab = new Lab();
    expect(lab.at(60_000)).not.toThrow();
    lab.checker.healed();
    lab.nowMs = 0;
    expect(lab.at(0)).not.toThrow();
    expect(lab.at(last(0))).not.toThrow();
    expect(lab.at(last(0) + 7)).toThrow(`${OVER} 7 ms after it had to have expired`);
  });

  it('that is gone has nothing to do any more', () => {
    const lab = new Lab();
    lab.checker.healed();
    lab.at(0)();
    expect(lab.checker.isOver).toBe(false);
    Object.assign(lab, { armed: [], due: [] });
    expect(lab.at(60_000)).not.toThrow();
    expect(lab.checker.isOver).toBe(true);
  });

  it('has its whole time again under another leader, and no deadline without one', () => {
    const lab = new Lab();
    lab.checker.healed();
    lab.at(0)();
    lab.term = 2;
    expect(lab.at(2_000)).not.toThrow();
    expect(lab.at(last(2_000))).not.toThrow();
    lab.role = 'follower';
    expect(lab.at(60_000)).not.toThrow();
    lab.role = 'leader';
    expect(lab.at(61_000)).not.toThrow();
    expect(lab.at(last(61_000) + 7)).toThrow(`${OVER} 7 ms`);
  });

  it('has its whole time again after the disk of the leader has hung', () => {
    const lab = new Lab();
    lab.checker.healed();
    lab.at(0)();
    lab.isDiskHung = true;
    expect(lab.at(60_000)).not.toThrow();
    lab.isDiskHung = false;
    expect(lab.at(61_000)).not.toThrow();
    expect(lab.at(last(61_000))).not.toThrow();
    expect(lab.at(last(61_000) + 7)).toThrow(`${OVER} 7 ms`);
  });

  it('has longer where links are narrow, or clocks are slow', () => {
    const narrow = new Lab({ isNarrow: true });
    narrow.checker.healed();
    narrow.at(0)();
    expect(narrow.at(last(0) + 8_000)).not.toThrow();
    expect(narrow.at(last(0) + 8_007)).toThrow(OVER);
    const slow = new Lab({ drift: 0.5 });
    slow.checker.healed();
    slow.at(0)();
    expect(slow.at(last(0) + LIFE_MS)).not.toThrow();
    expect(slow.at(last(0) + LIFE_MS + 7)).toThrow(OVER);
  });
});

describe('an index of deadlines', () => {
  it('must not name a key that has none', () => {
    const lab = new Lab();
    lab.due = ['k1', 'c2'];
    expect(lab.at(0)).toThrow(/group 1, n1: .*c2 is among the deadlines, and has none/);
  });

  it('names each that has one, but for those that a transaction holds', () => {
    const lab = new Lab();
    expect(lab.at(0)).not.toThrow();
    lab.due = [];
    expect(lab.at(0)).toThrow('group 1, n1: k1 has a deadline, and is not among them');
    lab.openTransactions = 1;
    expect(lab.at(0)).not.toThrow();
  });

  it.each<[string, Partial<Lab>]>([
    ['is behind', { applied: 2 }],
    ['continues from a snapshot', { installing: true }],
    ['does not serve', { serving: false }],
    ['is in trouble', { isTroubled: true }],
    ['has none', { isWithoutIndex: true }],
  ])('is not compared where a replica %s', (_, change) => {
    const lab = new Lab();
    Object.assign(lab, { due: ['c2'] }, change);
    expect(lab.at(0)).not.toThrow();
  });
});
