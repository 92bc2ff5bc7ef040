/** Which entries tell a replica how far its leader's clock is: those that this process did not recover. */
import { beforeAll, describe, expect, it } from 'vitest';
import { EntryKind, type Entry, type Raft, type RaftOptions } from '../../src/raft/index.js';
import { loadHash } from '../../src/shard/index.js';
import { encodeCommand, type Machine } from '../../src/shard/machine/index.js';
import { EntryClock } from '../../src/shard/node/entry-clock.js';

beforeAll(loadHash);

const HOUR_MS = 3_600_000;

const command = (index: number, term: number, timeMs: number): Entry => ({
  ...{ index, term, kind: EntryKind.command },
  data: encodeCommand(
    {
      ...{ type: 'delete', key: Uint8Array.of(64, 1), condition: { type: 'none' } },
      ...{ operationId: new Uint8Array(16), attempt: 'initial' },
    },
    timeMs,
  ),
});
const noop = (index: number, term: number): Entry => ({ index, term, kind: EntryKind.noop, data: new Uint8Array(0) });

/** The clock of a replica that recovered `recovered`; its wall clock is an hour ahead of everything here. */
function replica(...recovered: Entry[]) {
  const log: Entry[] = [...recovered];
  const state = { ms: 0, timeMs: 0, applied: 0, term: 1 };
  const raft = {
    get term() {
      return state.term;
    },
    log: {
      get lastIndex() {
        return log.length;
      },
      get applied() {
        return state.applied;
      },
      entryAt: (index: number) => log[index - 1],
    },
  } as unknown as Raft;
  const machine = {
    get replicatedTimeMs() {
      return state.timeMs;
    },
  } as unknown as Machine;
  const snapshot: RaftOptions['snapshot'] = {
    ...{ index: 0, term: 0, configuration: { voters: [1], votersOutgoing: [], learners: [] } },
  };
  const clocks = { now: () => state.ms, wallTime: () => HOUR_MS };
  const clock = new EntryClock(raft, machine, { entries: recovered, snapshot }, clocks);
  return {
    append: (entry: Entry): void => {
      log[entry.index - 1] = entry;
      log.length = entry.index;
    },
    /** Up to `index`; the last command's time becomes that of the state, at monotonic time `ms`. */
    apply: (index: number, timeMs: number, ms: number): void => {
      const entries = log.slice(state.applied, index);
      Object.assign(state, { applied: index, timeMs, ms });
      clock.applied(entries, ms);
    },
    lead: (term: number, ms: number): number => {
      Object.assign(state, { term, ms });
      return clock.read(ms);
    },
    restored: (timeMs: number, term: number, ms: number): void => {
      Object.assign(state, { timeMs, ms });
      clock.restored(term);
    },
  };
}

describe('the clock of a new leader', () => {
  it('begins by the wall clock if its process recovered all commands that it has', () => {
    const one = replica(command(1, 1, 100), command(2, 1, 200));
    one.append(noop(3, 2));
    one.apply(3, 200, 50);
    expect(one.lead(3, 60)).toBe(HOUR_MS);
  });

  it('continues from a command that came in, or replaced one that was recovered', () => {
    for (const [index, term] of [
      [2, 1],
      [1, 2],
    ] as const) {
      const one = replica(command(1, 1, 100));
      one.append(command(index, term, 200));
      one.apply(index, 200, 50);
      one.append(noop(index + 1, 3));
      one.apply(index + 1, 200, 55);
      expect(one.lead(4, 1_050)).toBe(1_200);
    }
  });

  it('continues from one that is not applied yet, lower than by what it has applied of another leader', () => {
    const one = replica();
    one.append(command(1, 1, 5_000));
    one.apply(1, 5_000, 0);
    one.append(command(2, 2, 5_010));
    one.append(noop(3, 3));
    expect(one.lead(3, 1_000)).toBe(5_010);
    const same = replica();
    same.append(command(1, 1, 5_000));
    same.apply(1, 5_000, 0);
    same.append(command(2, 1, 5_010));
    expect(same.lead(3, 1_000)).toBe(5_810);
  });

  it('begins by the wall clock after a snapshot alone, and continues from it with a command before', () => {
    const fresh = replica();
    fresh.restored(200, 1, 50);
    expect(fresh.lead(2, 60)).toBe(HOUR_MS);
    const other = replica();
    other.append(command(1, 1, 100));
    other.apply(1, 100, 10);
    other.restored(200, 2, 50);
    expect(other.lead(3, 60)).toBe(210);
  });
});
