/** Wall-clock steps have no effect: a cluster whose date is stepped all the time behaves identically to one with the right date. */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadHash, type Answer } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

beforeAll(loadHash);

const HOUR_MS = 3_600_000;
/** Back and forth by up to years; the sum is not zero. */
const STEPS_MS = [HOUR_MS, -25 * HOUR_MS, 70_000 * HOUR_MS, -1, -70_100 * HOUR_MS, 500, -600, 3 * HOUR_MS];

/** Trace, with times, of a run that exercises everything that depends on time: elections, leases, deadlines, silence. */
async function run({ leaseReads, steps }: { leaseReads: boolean; steps: boolean }): Promise<string[]> {
  const cluster = await VirtualCluster.start({ seed: 11, leaseReads });
  const { runtime } = cluster;
  const trace: string[] = [];
  let step = 0;
  if (steps) {
    runtime.every(17, () => {
      runtime.stepWall(STEPS_MS[step++ % STEPS_MS.length]!);
    });
  } else runtime.every(17, () => undefined);
  const note = (what: string) => (answer: Answer) => {
    const how = answer.type === 'refused' ? `${answer.code} ${answer.outcome}` : answer.type;
    trace.push(`${runtime.now().toFixed(3)} ${what}: ${how}`);
  };
  const ask = async (name: string): Promise<void> => {
    for (let i = 0; i < 4; i++) {
      const key = `key ${i}`;
      void cluster.startPut(key, name, { deadlineMs: 700 }).then(note(`${name} put ${i}`));
      void cluster.startGet(key, 'linearizable', 700).then(note(`${name} get ${i}`));
      await runtime.run(130);
    }
    await runtime.run(1_000);
    const groups = [...cluster.nodes].flatMap(([id, node]) =>
      node
        .status()
        .groups.map(({ group, raft: { role, term, commit } }) => `n${id}/${group} ${role} ${term} ${commit}`),
    );
    trace.push(...groups);
  };
  await ask('all up');
  await cluster.kill(1);
  await ask('one dead');
  await cluster.kill(2);
  // No quorum: requests end at their deadlines.
  await ask('two dead');
  await cluster.startNode(1);
  await cluster.startNode(2);
  await ask('back');
  return trace;
}

describe('a date that is stepped back and forth', () => {
  it.each([false, true])('changes no election, no lease and no deadline (lease reads: %s)', async (leaseReads) => {
    const right = await run({ leaseReads, steps: false });
    const stepped = await run({ leaseReads, steps: true });
    expect(stepped).toEqual(right);
    // Else the comparison would be vacuous.
    for (const what of [/all up put 0: put/, /two dead .*: (timeout|no-leader|no-quorum)/, /back get 3: get/])
      expect(
        right.some((line) => what.test(line)),
        String(what),
      ).toBe(true);
  });
});
