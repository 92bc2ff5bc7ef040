/** What nodes say of their readiness, against what is seen of them: made-up nodes, and whole runs. */
import { describe, expect, it } from 'vitest';
import type { Role } from '../../src/raft/index.js';
import type { ReplicaView } from '../../src/shard/index.js';
import { generateScenario, runSeed, type Scenario } from '../../src/sim/index.js';
import { ReadinessChecker, type ObservedNode } from '../../src/sim/readiness-checker.js';

/** A node with one replica, whose election timeout is 200 ms; all of it may be changed. */
class Node implements ObservedNode {
  readonly id = 1;
  readonly longestElectionMs = 200;
  readonly damaged = false;
  now = 0;
  wrong: string | undefined;
  role: Role = 'leader';
  applied = 5;
  stableIndex = 5;
  lastIndex = 5;
  readonly clock = { monotonic: (): number => this.now };
  readonly #raft: ReplicaView['raft'];

  constructor() {
    const log = { value: this };
    this.#raft = {
      term: 3,
      configuration: { voters: [1, 2, 3] },
      get role() {
        return log.value.role;
      },
      get log() {
        return log.value;
      },
    } as unknown as ReplicaView['raft'];
  }

  readiness(): ReturnType<ObservedNode['readiness']> {
    return [{ name: 'made up', wrong: this.wrong }];
  }

  replicas(): Iterable<ReplicaView> {
    return [{ id: 7, raft: this.#raft, applied: this.applied, installing: false } as unknown as ReplicaView];
  }
}

function observe(how: { isTroubled?: boolean; isQuorum?: boolean; isHeldUp?: boolean } = {}) {
  const node = new Node();
  const marks: string[] = [];
  const checker = new ReadinessChecker({
    nodes: [node],
    isTroubled: () => how.isTroubled ?? false,
    isQuorum: () => how.isQuorum ?? true,
    isHeldUpByDisksOfOthers: () => how.isHeldUp ?? false,
    reached: (mark) => marks.push(mark),
  });
  /** Looks every 50 ms for so long. */
  const pass = (ms: number): void => {
    for (const end = node.now + ms; node.now < end; node.now += 50) checker.inspect();
  };
  return { node, pass, marks };
}

describe('the readiness checker', () => {
  it('detects a node that is ready while groups that it leads commit nothing', () => {
    const { node, pass } = observe();
    node.lastIndex = 6;
    node.stableIndex = 6;
    pass(1_250);
    expect(() => {
      pass(50);
    }).toThrow('n1 is ready, and leads group 7 and has committed nothing for 1250 ms');
  });

  it('detects a node that is ready while its disk completes nothing', () => {
    const { node, pass } = observe();
    node.role = 'follower';
    node.lastIndex = 6;
    expect(() => {
      pass(1_700);
    }).toThrow('n1 is ready, and has got nothing of group 7 on its disk for 1600 ms');
  });

  it('accepts a stalled node that is not ready, one that makes progress, and a follower', () => {
    const says = observe();
    Object.assign(says.node, { lastIndex: 6, wrong: 'the disk hangs' });
    says.pass(3_000);
    expect(says.marks).toEqual(['unready-by-own-fault']);
    const goesOn = observe();
    for (let index = 5; index < 20; index++) {
      Object.assign(goesOn.node, { lastIndex: index + 1, stableIndex: index, applied: index });
      goesOn.pass(1_000);
    }
    const follows = observe();
    Object.assign(follows.node, { role: 'follower', lastIndex: 6, stableIndex: 6 });
    follows.pass(3_000);
  });

  it('allows readiness while only the disks of others delay commits, not while the own disk does', () => {
    const ready = observe({ isHeldUp: true });
    Object.assign(ready.node, { lastIndex: 6, stableIndex: 6 });
    ready.pass(3_000);
    const { node, pass } = observe({ isHeldUp: true });
    node.lastIndex = 6;
    expect(() => {
      pass(3_000);
    }).toThrow('n1 is ready, and has got nothing of group 7 on its disk');
  });

  it('counts from when a group was last held up by the disks of others', () => {
    const how = { isHeldUp: true };
    const { node, pass } = observe(how);
    Object.assign(node, { lastIndex: 6, stableIndex: 6 });
    pass(3_000);
    how.isHeldUp = false;
    pass(1_250);
    expect(() => {
      pass(50);
    }).toThrow('n1 is ready, and leads group 7 and has committed nothing for 1250 ms');
  });

  it('detects a serving node that is not ready because of faults elsewhere', () => {
    const { node, pass } = observe();
    node.wrong = 'some shard has no leader';
    pass(400);
    expect(() => {
      pass(100);
    }).toThrow('n1 serves what it leads and has no fault of its own, and is not ready for 450 ms: made up: some shard');
  });

  it('does not require readiness of a node with a fault of its own, nor of one that cannot serve', () => {
    for (const how of [{ isTroubled: true }, { isQuorum: false }]) {
      const { node, pass } = observe(how);
      node.wrong = 'something';
      pass(3_000);
    }
  });
});

describe('in whole runs', () => {
  const scenarioOf = (seed: number): Scenario => ({
    ...generateScenario(seed, ['hung-disk']),
    nodes: 3,
    replicas: 3,
    durationMs: 4_000,
  });

  it('nodes report that they are not ready because of their own disks', async () => {
    let reached = 0;
    for (let seed = 3; seed <= 5; seed++) {
      const result = await runSeed(seed, scenarioOf(seed));
      expect(result.failure).toBeUndefined();
      if (result.reached['unready-by-own-fault'] !== undefined) reached++;
    }
    expect(reached).toBeGreaterThan(0);
  }, 120_000);
});
