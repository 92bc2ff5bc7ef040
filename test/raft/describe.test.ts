import { describe, expect, it } from 'vitest';
import {
  describeConfiguration,
  describeEntries,
  describeMessage,
  describeReady,
  describeStatus,
  type Message,
  type Ready,
} from '../../src/raft/index.js';
import { Cluster } from './harness/cluster.js';
import { command, logOf } from './harness/entries.js';

const meta = { index: 5, term: 2, configuration: { voters: [1], votersOutgoing: [], learners: [] } };
const data = new Uint8Array(3);
const envelope = { from: 1, to: 2, term: 3 };

const TABLE: [Message, string][] = [
  [
    { type: 'append', ...envelope, prevIndex: 7, prevTerm: 1, entries: [command(8, 3)], commit: 6 },
    'n1@3 -> n2 append after 7@1 [8@3] commit 6',
  ],
  [{ type: 'append-ok', ...envelope, index: 8 }, 'n1@3 -> n2 append-ok 8'],
  [
    { type: 'append-refused', ...envelope, rejectedIndex: 7, hintIndex: 4, hintTerm: 1, lastIndex: 9 },
    'n1@3 -> n2 append-refused after 7 hint 4@1 last 9',
  ],
  [
    { type: 'heartbeat', ...envelope, commit: 4, readContext: 2, quiesce: true },
    'n1@3 -> n2 heartbeat commit 4 read 2 quiesce',
  ],
  [{ type: 'heartbeat', ...envelope, commit: 4, readContext: 0, quiesce: false }, 'n1@3 -> n2 heartbeat commit 4'],
  [{ type: 'heartbeat-ok', ...envelope, readContext: 2, lastIndex: 4 }, 'n1@3 -> n2 heartbeat-ok last 4 read 2'],
  [
    { type: 'vote', ...envelope, preVote: true, forced: false, lastIndex: 8, lastTerm: 2 },
    'n1@3 -> n2 pre-vote last 8@2',
  ],
  [
    { type: 'vote', ...envelope, preVote: false, forced: true, lastIndex: 8, lastTerm: 2 },
    'n1@3 -> n2 vote forced last 8@2',
  ],
  [{ type: 'vote-answer', ...envelope, preVote: true, granted: true }, 'n1@3 -> n2 pre-vote granted'],
  [{ type: 'vote-answer', ...envelope, preVote: false, granted: false }, 'n1@3 -> n2 vote refused'],
  [
    { type: 'snapshot', ...envelope, meta, sequence: 1, data, done: true },
    'n1@3 -> n2 snapshot 5@2 chunk 1 done 3 bytes',
  ],
  [{ type: 'snapshot-answer', ...envelope, index: 5, wanted: 2 }, 'n1@3 -> n2 snapshot-answer 5 wants 2'],
  [{ type: 'snapshot-answer', ...envelope, index: 5, wanted: -1 }, 'n1@3 -> n2 snapshot-answer 5 complete'],
  [{ type: 'timeout-now', ...envelope }, 'n1@3 -> n2 timeout-now'],
  [{ type: 'term-notice', ...envelope }, 'n1@3 -> n2 term-notice'],
];

describe('the notation', () => {
  for (const [message, text] of TABLE) {
    it(text, () => {
      expect(describeMessage(message)).toBe(text);
    });
  }

  it('names entries by index and term, and counts many', () => {
    expect(describeEntries([])).toBe('[]');
    expect(describeEntries([{ ...command(1, 1), kind: 0 }, { ...command(2, 1), kind: 2 }])).toBe('[1@1 noop, 2@1 configuration]'); // prettier-ignore
    expect(describeEntries(logOf([1, 1, 2, 2, 3]))).toBe('[1@1 … 5@3, 5 entries]');
  });

  it('shows who votes, who did and who learns', () => {
    expect(describeConfiguration({ voters: [1, 2], votersOutgoing: [], learners: [] })).toBe('{1 2}');
    expect(describeConfiguration({ voters: [1, 2], votersOutgoing: [2, 3], learners: [4] })).toBe(
      '{1 2} from {2 3} learners {4}',
    );
  });

  it('describes a Ready as the steps to take, in order', () => {
    const ready: Ready = {
      messages: [{ type: 'timeout-now', ...envelope }],
      write: {
        receipt: { sequence: 4 },
        hardState: { term: 3, vote: 0, commit: 2 },
        entries: [command(8, 3)],
        chunk: { meta, sequence: 0, data, done: true },
        messages: [{ type: 'append-ok', ...envelope, index: 8 }],
      },
      committed: [command(2, 1)],
      reads: [{ context: 1, index: 2 }],
      readsLost: [3, 4],
      chunksWanted: [{ to: 2, sequence: 0 }],
    };
    expect(describeReady(ready)).toEqual([
      'send n1@3 -> n2 timeout-now',
      'write #4: term 3 vote nobody commit 2, entries [8@3], install 5@2 chunk 0',
      'then send n1@3 -> n2 append-ok 8',
      'apply [2@1]',
      'read 1 confirmed at 2',
      'reads lost 3 4',
      'wants chunk 0 for n2',
    ]);
  });

  it('describes a write with messages only, and a chunk that is only staged', () => {
    const nothing = { messages: [], committed: [], reads: [], readsLost: [], chunksWanted: [] };
    const write = { receipt: { sequence: 1 }, hardState: undefined, entries: [], chunk: undefined, messages: [] };
    expect(describeReady({ ...nothing, write: undefined })).toEqual([]);
    expect(describeReady({ ...nothing, write })).toEqual(['write #1: nothing']);
    const chunk = { meta, sequence: 2, data, done: false };
    expect(describeReady({ ...nothing, write: { ...write, chunk } })).toEqual(['write #1: stage 5@2 chunk 2']);
  });

  it('describes a replica’s status in one line', () => {
    const cluster = new Cluster({ timing: { quiesceTicks: 3 } });
    cluster.elect(1);
    expect(describeStatus(cluster.node(1).raft.status())).toBe(
      'n1@1 leader, log 1..1 stable 1 commit 1 applied 1; n2 replicate match 1 next 2; n3 replicate match 1 next 2',
    );
    cluster.run(10);
    expect(describeStatus(cluster.node(2).raft.status())).toBe(
      'n2@1 follower of n1 vote n1, log 1..1 stable 1 commit 1 applied 1, quiet',
    );
    cluster.isolate(1);
    cluster.read(1);
    cluster.run(10, [1]);
    expect(describeStatus(cluster.node(1).raft.status())).toContain('n1@1 follower of nobody');
  });
});
