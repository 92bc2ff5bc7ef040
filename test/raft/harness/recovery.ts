/**
 * The end of a random run, checks of liveness: without faults there is, within a few election timeouts, one leader, every
 * replica holds exactly what was committed, and the group serves again.
 */
import { checkDurableQuorum, EntryKind, NONE, viewOf } from '../../../src/raft/index.js';
import type { Cluster } from './cluster.js';
import { text } from './entries.js';
import { ELECTION_TICKS, type Torture } from './torture.js';

/** `durable`: no disk was rolled back, so a quorum holds whatever is committed at any moment. */
export function recover(torture: Torture, durable: boolean): void {
  const { cluster } = torture;
  torture.calm();
  if (durable) judgeDurable(cluster);
  cluster.settle();
  awaitThat(cluster, 'a leader', () => cluster.leader() !== NONE);
  let proposals = 0;
  awaitThat(cluster, 'a leader that keeps a proposal', () => {
    const asked = `last${++proposals}`;
    if (cluster.leader() !== NONE) cluster.propose(cluster.leader(), asked);
    cluster.run(ELECTION_TICKS);
    return cluster.leader() !== NONE && cluster.state(cluster.leader()).includes(asked);
  });
  awaitThat(cluster, 'all equal', () => allEqual(cluster));
  awaitThat(cluster, 'all counted', () =>
    [...cluster.replicas.values()].every(({ quarantine }) => quarantine === undefined),
  );
  judgeService(cluster);
  judgeDurable(cluster);
  judgeState(torture);
}

function awaitThat(cluster: Cluster, what: string, holds: () => boolean): void {
  for (let tick = 0; tick < 8 * ELECTION_TICKS; tick++) {
    if (holds()) return;
    cluster.run(1);
  }
  if (!holds()) throw new Error(`after healing: never ${what}`);
}

function allEqual(cluster: Cluster): boolean {
  if (cluster.leader() === NONE) return false;
  const { commit, lastIndex } = cluster.status(cluster.leader());
  if (commit !== lastIndex) return false;
  return [...cluster.replicas.values()].every(
    ({ machine, raft, disk }) =>
      machine.appliedIndex === commit && raft.status().lastIndex === lastIndex && disk.lastIndex === lastIndex,
  );
}

/** There is one leader; a proposal becomes one entry on every replica; a read is confirmed. */
function judgeService(cluster: Cluster): void {
  const history = cluster.history!;
  const leaders = cluster.running().filter(({ raft }) => raft.role === 'leader');
  if (leaders.length !== 1) throw new Error(`${leaders.length} nodes lead after healing`);
  const { committed, confirmedReads } = history;
  if (cluster.propose(cluster.leader(), 'more').type !== 'appended') throw new Error('a leader refuses a proposal');
  if (cluster.read(cluster.leader()).type !== 'accepted') throw new Error('a leader refuses a read');
  awaitThat(cluster, 'one entry more, and all equal', () => history.committed === committed + 1 && allEqual(cluster));
  awaitThat(cluster, 'a read confirmed', () => history.confirmedReads > confirmedReads);
}

function judgeDurable({ configuration, replicas }: Cluster): void {
  const voters = [...replicas.values()].filter(({ id }) => configuration.voters.includes(id));
  checkDurableQuorum(
    voters.map(({ raft }) => viewOf(raft)),
    configuration,
  );
}

function judgeState({ cluster, refused }: Torture): void {
  const expected = cluster
    .history!.ledger.filter(({ entry }) => entry.kind === EntryKind.command)
    .map(({ entry }) => text(entry.data));
  for (const { id, machine } of cluster.replicas.values())
    if (machine.state.join() !== expected.join()) throw new Error(`n${id} does not hold what was committed`);
  const held = new Set(expected);
  if (held.size !== expected.length) throw new Error('a proposal was applied twice');
  const wrong = refused.find((data) => held.has(data));
  if (wrong !== undefined) throw new Error(`${wrong} was refused and yet committed`);
}
