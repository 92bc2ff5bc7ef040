/**
 * One turn of a node, from top to bottom: input is passed to the replicas, their messages are sent, and their writes go
 * to the disk in one commit for all of them. Output that depends on that commit follows in the turn after its
 * completion. Nothing here waits for a disk, and nothing is re-entered.
 */
import type { Message, Ready } from '../../raft/index.js';
import type { Transport } from '../transport/index.js';
import type { Runtime } from '../runtime.js';
import type { Admission } from './admission.js';
import type { Checkpointer } from './checkpointer.js';
import type { CommitPipeline, QueuedWrite } from './commit-pipeline.js';
import type { Expirer } from './expirer.js';
import type { HungDiskHandler } from './hung-disk.js';
import type { Inbox } from './inbox.js';
import type { OutgoingSnapshots } from './outgoing-snapshots.js';
import type { PeerHandler } from './peer-handler.js';
import type { PeerHeartbeats } from './peer-heartbeats.js';
import type { Replica } from './replica.js';
import type { ReplicaSet } from './replica-set.js';
import type { RollbackDetector } from './rollback-detector.js';
import type { Ticker } from './ticker.js';
import type { TopologySync } from './topology-sync.js';

/** The parts of a node that a turn uses. */
export interface TurnParts {
  readonly inbox: Inbox;
  readonly peers: PeerHandler;
  readonly admission: Admission;
  readonly replicas: ReplicaSet;
  readonly topologySync: TopologySync;
  readonly pipeline: CommitPipeline;
  readonly checkpointer: Checkpointer;
  readonly snapshots: OutgoingSnapshots;
  readonly rollbackDetector: RollbackDetector;
  readonly peerHeartbeats: PeerHeartbeats;
  readonly hungDisk: HungDiskHandler;
  readonly ticker: Ticker;
  readonly expirer: Expirer;
  readonly transport: Transport;
  readonly runtime: Runtime;
}

export class Turn {
  readonly #inbox: Inbox;
  readonly #peers: PeerHandler;
  readonly #admission: Admission;
  readonly #replicas: ReplicaSet;
  readonly #topologySync: TopologySync;
  readonly #pipeline: CommitPipeline;
  readonly #checkpointer: Checkpointer;
  readonly #snapshots: OutgoingSnapshots;
  readonly #rollbackDetector: RollbackDetector;
  readonly #peerHeartbeats: PeerHeartbeats;
  readonly #hungDisk: HungDiskHandler;
  readonly #ticker: Ticker;
  readonly #expirer: Expirer;
  readonly #transport: Transport;
  readonly #runtime: Runtime;

  constructor(parts: TurnParts) {
    this.#inbox = parts.inbox;
    this.#peers = parts.peers;
    this.#admission = parts.admission;
    this.#replicas = parts.replicas;
    this.#topologySync = parts.topologySync;
    this.#pipeline = parts.pipeline;
    this.#checkpointer = parts.checkpointer;
    this.#snapshots = parts.snapshots;
    this.#rollbackDetector = parts.rollbackDetector;
    this.#peerHeartbeats = parts.peerHeartbeats;
    this.#hungDisk = parts.hungDisk;
    this.#ticker = parts.ticker;
    this.#expirer = parts.expirer;
    this.#transport = parts.transport;
    this.#runtime = parts.runtime;
  }

  run(): void {
    const { durable, received, tasks, tick } = this.#inbox.take();
    // Read once for all that the turn does: several readings for each entry would be a good part of the time of a small write.
    const now = this.#runtime.now();
    for (const writes of durable) this.#persisted(writes, now);
    for (const batch of received) this.#peers.deliver(batch, now);
    this.#inbox.drainSubmissions(this.#admission, now);
    for (const task of tasks) task();
    if (tick) this.#replicas.tick();
    // Checked only with ticks and tasks: the next one is soon, and a disk that hangs does so for longer.
    if (tick || tasks.length > 0) this.#hungDisk.check();
    // A replica that becomes dirty meanwhile, because the topology starts it, joins the end of the list.
    for (const replica of this.#replicas.dirty) {
      this.#collect(replica, now);
      this.#replicas.updateAwake(replica);
    }
    this.#replicas.clearDirty();
    this.#snapshots.pump();
    this.#ticker.tickWhile(this.#replicas.anyAwake);
    this.#rollbackDetector.saveNewPeers();
    this.#pipeline.maybeFlush();
    this.#rollbackDetector.sendPositions();
    this.#transport.flush();
  }

  /** The turn of a failed node: operations are refused, questions answered; consensus continues without this node. */
  runFailed(): void {
    const { received, tasks } = this.#inbox.take();
    const now = this.#runtime.now();
    this.#inbox.drainSubmissions(this.#admission, now);
    for (const { from, messages } of received) for (const message of messages) this.#peers.answer(from, message, now);
    if (tasks.length > 0) this.#peerHeartbeats.ping();
    this.#transport.flush();
  }

  /** These writes are durable: messages that were held back for them are sent. */
  #persisted(writes: readonly QueuedWrite[], now: number): void {
    for (const { group, write } of writes) {
      const replica = this.#replicas.get(group);
      if (replica === undefined) continue;
      if (replica.persisted(write)) this.#onApplied(replica, 0, now);
      if (replica.raft.maySend(write.receipt)) for (const message of write.messages) this.#send(replica, message);
      this.#replicas.markDirty(replica);
    }
  }

  /** Runs a replica's steps, and hands out its messages and writes. */
  #collect(replica: Replica, now: number): void {
    this.#noticeLeadership(replica);
    replica.propose();
    do {
      while (replica.raft.hasReady()) this.#handOut(replica, replica.raft.ready(), now);
      // After a confirmed round, one may start for the reads that gathered meanwhile.
    } while (replica.serveReads());
    this.#noticeLeadership(replica);
    replica.noteProgress(now);
  }

  /** Processes a `Ready` in the order that `raft/ready.ts` requires. */
  #handOut(replica: Replica, ready: Ready, now: number): void {
    for (const message of ready.messages) this.#send(replica, message);
    if (ready.write !== undefined) this.#pipeline.push({ group: replica.id, write: ready.write });
    if (ready.committed.length > 0) this.#onApplied(replica, replica.apply(ready.committed, now), now);
    replica.settleReads(ready);
    for (const { to, sequence } of ready.chunksWanted) this.#snapshots.request(replica, to, sequence);
  }

  #send(replica: Replica, message: Message): void {
    this.#rollbackDetector.noteSentTo(message.to);
    const isSent = this.#transport.send(message.to, { type: 'raft', group: replica.id, message });
    if (!isSent) replica.raft.reportNotSent(message);
  }

  /** Called after entries with `bytes` of data, or a snapshot (0), were applied. */
  #onApplied(replica: Replica, bytes: number, now: number): void {
    this.#checkpointer.applied(replica, bytes, now);
    this.#expirer.note(replica);
    if (replica.isSystem) this.#topologySync.onSystemApplied();
  }

  #noticeLeadership(replica: Replica): void {
    if (!replica.noticeLeadership()) return;
    this.#expirer.note(replica);
    if (replica.isSystem) this.#topologySync.propose();
  }
}
