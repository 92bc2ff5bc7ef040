/** Recovered entries are handed over to the log, and are freed with it. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { EntryKind, Raft } from '../../src/raft/index.js';

const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [] };

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

/** A replica that was restarted with ten committed entries, and a way to see whether their bytes are still in memory. */
function restarted(): { readonly raft: Raft; readonly held: () => number } {
  const datas = Array.from({ length: 10 }, () => new Uint8Array(1_000));
  const refs = datas.map((data) => new WeakRef(data));
  const raft = new Raft({
    ...{ id: 1, configuration, snapshot: { index: 0, term: 0, configuration } },
    hardState: { term: 1, vote: 0, commit: datas.length },
    entries: datas.map((data, i) => ({ index: i + 1, term: 1, kind: EntryKind.command, data })),
    ...{ electionTicks: 10, heartbeatTicks: 1, random: () => 0, quiesceTicks: 0 },
    ...{ maxAppendBytes: 1_000, maxInflight: 4, maxUncommittedBytes: 1_000 },
  });
  return { raft, held: () => refs.filter((ref) => ref.deref() !== undefined).length };
}

it('entries that were compacted are not held by the options of the replica', async () => {
  const { raft, held } = restarted();
  expect(raft.ready().committed).toHaveLength(10);
  raft.applied(10);
  collectGarbage();
  expect(held()).toBe(10);
  // A WeakRef is strong until the end of the turn that made or read it.
  await new Promise((resolve) => setImmediate(resolve));
  raft.compact(10);
  collectGarbage();
  expect(held()).toBe(0);
});
