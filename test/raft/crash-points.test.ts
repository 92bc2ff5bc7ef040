/**
 * Scenarios 65, 70, 71 and 73 as far as the core goes: power cuts at every write boundary of a small history, a disk that
 * never answers again, messages that are addressed to other nodes.
 */
import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/raft/index.js';
import { alone, answers, append, appendOk, heartbeat, lead, vote } from './harness/by-hand.js';
import { Cluster } from './harness/cluster.js';
import { logOf } from './harness/entries.js';

const T = 10;

/** Thrown to cut the power now; `due` is the node whose write is next. */
class PowerCut extends Error {
  constructor(readonly due: number) {
    super('power cut');
  }
}

/** Runs a group through everything that makes it write, and stops before sync number `cutAt`. */
function runHistory(cluster: Cluster, cutAt: number): void {
  let syncs = 0;
  const settle = (): void => {
    for (;;) {
      const due = cluster.running().find(({ disk }) => disk.queue.length > 0);
      if (due !== undefined) {
        if (syncs++ === cutAt) throw new PowerCut(due.id);
        cluster.sync(due.id, 1);
      } else if (cluster.network.inFlight.length > 0) cluster.deliverAt(0);
      else return;
    }
  };
  const pass = (ticks: number): void => {
    for (let tick = 0; tick < ticks; tick++) {
      cluster.tickAll();
      settle();
    }
  };
  cluster.campaign(1);
  settle();
  cluster.propose(1, 'a');
  cluster.propose(1, 'b');
  settle();
  cluster.isolate(3);
  cluster.propose(1, 'c');
  settle();
  cluster.compact(1);
  cluster.heal();
  pass(6);
  cluster.transfer(1, 2);
  settle();
  cluster.propose(2, 'd');
  cluster.propose(2, 'e');
  settle();
  pass(4);
}

/** Writes that may have been acknowledged to a client: applied by a node while it led. */
function acknowledged(cluster: Cluster): string[] {
  const applied = new Set<string>();
  for (const { id } of cluster.replicas.values())
    if (cluster.node(id).raft.role === 'leader') for (const data of cluster.state(id)) applied.add(data);
  return [...applied];
}

describe('a power cut', () => {
  for (const victims of [[1], [2], [3], [1, 2], [1, 2, 3]])
    for (const between of ['send,persist', 'persist,send'])
      it(`s71 s65 at every write, of n${victims.join(', n')}, between ${between}: what was acknowledged is there`, () => {
        let cuts = 0;
        for (;;) {
          const cluster = new Cluster();
          for (const replica of cluster.replicas.values()) replica.chunkBytes = 5;
          try {
            runHistory(cluster, cuts);
            break;
          } catch (error) {
            if (!(error instanceof PowerCut)) throw error;
            const writes = acknowledged(cluster);
            if (between === 'persist,send') cluster.node(error.due).sync(true);
            for (const id of victims) cluster.crash(id);
            // On a node that keeps running, nothing may stay incomplete.
            if (between === 'persist,send' && !victims.includes(error.due)) cluster.crash(error.due);
            cluster.heal();
            for (const replica of cluster.replicas.values()) if (!replica.up) cluster.restart(replica.id);
            cluster.run(8 * T);
            const leader = cluster.leader();
            expect(leader, `cut ${cuts}`).not.toBe(0);
            for (const id of [1, 2, 3]) {
              expect(cluster.state(id), `cut ${cuts}, n${id}`).toEqual(cluster.state(leader));
              expect(cluster.state(id), `cut ${cuts}, n${id}`).toEqual(expect.arrayContaining(writes));
            }
          }
          cuts++;
        }
        expect(cuts).toBeGreaterThan(25);
      });
});

describe('a disk that never answers again', () => {
  it('s70 makes its node acknowledge nothing, grant no vote and apply nothing more', () => {
    const cluster = alone({ log: [1] });
    cluster.inject(append({ from: 2, term: 1, prevIndex: 1, prevTerm: 1, entries: logOf([1], 2), commit: 2 }));
    for (let round = 0; round < 5; round++) {
      cluster.inject(append({ from: 2, term: 1, prevIndex: 1, prevTerm: 1, entries: logOf([1], 2), commit: 2 }));
      cluster.inject(heartbeat({ from: 2, term: 1, commit: 2 }));
    }
    cluster.inject(vote({ from: 3, term: 2, lastIndex: 5, lastTerm: 1, forced: true }));
    const sent = answers(cluster);
    expect(sent.filter(({ type }) => type === 'append-ok' || type === 'vote-answer')).toEqual([]);
    // 1@1 was on disk before and is committed, 2@1 is not on disk.
    expect(cluster.node(1).machine.appliedIndex).toBe(1);
    expect(cluster.status(1).stableIndex).toBe(1);
  });

  it('s70 does not stop a leader’s group, and the leader claims nothing of its own', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.crash(3);
    cluster.propose(1, 'a');
    for (let tick = 0; tick < T; tick++) {
      cluster.tickAll();
      cluster.sync(2);
      cluster.deliver();
    }
    expect(cluster.status(1)).toMatchObject({ commit: 1, stableIndex: 1 });
    expect(cluster.state(1)).toEqual([]);
  });
});

describe('a message that is not addressed to this node', () => {
  const strange: [string, Message][] = [
    ['another node’s', heartbeat({ from: 2, to: 3, term: 9 })],
    ['one of a stranger', heartbeat({ from: 8, term: 9 })],
    ['a stranger’s vote', vote({ from: 8, term: 9, lastIndex: 9, lastTerm: 8, forced: true })],
    ['a stranger’s acknowledgement', appendOk({ from: 8, term: 1, index: 1 })],
    ['its own, come back', heartbeat({ from: 1, term: 9 })],
  ];
  it.each(strange)('s73 (%s) changes nothing and is not answered', (_, message) => {
    const cluster = alone({ log: [1] });
    lead(cluster);
    const before = cluster.status(1);
    const { raft } = cluster.node(1);
    raft.step(message);
    cluster.node(1).pump();
    cluster.sync(1);
    expect(cluster.status(1)).toEqual(before);
    expect(answers(cluster)).toEqual([]);
  });
});
