/**
 * Handles input from peers. Handshakes are judged at once, before anything is sent over their link; messages and
 * changes of links enter the inbox and are handled in a turn.
 */
import type { NodeId } from '../../raft/index.js';
import {
  DuplicateNode,
  type PeerId,
  type PeerMessage,
  ROUTER_PEERS,
  type Transport,
  type TransportEvents,
} from '../transport/index.js';
import type { Logger, Runtime } from '../runtime.js';
import type { NodeStatus } from '../status.js';
import type { Admission } from './admission.js';
import type { DuplicateWatch } from './duplicate-watch.js';
import type { Inbox, Received } from './inbox.js';
import type { PeerHeartbeats } from './peer-heartbeats.js';
import type { ReplicaSet } from './replica-set.js';
import type { RollbackDetector } from './rollback-detector.js';
import type { TopologySync } from './topology-sync.js';

/** Answers to a router's requests that went through this node. */
export type ReplyMessage = Extract<PeerMessage, { type: 'reply' | 'status' }>;

export interface PeerHandlerParts {
  readonly self: NodeId;
  readonly inbox: Inbox;
  readonly replicas: ReplicaSet;
  readonly admission: Admission;
  readonly topologySync: TopologySync;
  readonly peerHeartbeats: PeerHeartbeats;
  readonly rollbackDetector: RollbackDetector;
  readonly duplicateWatch: DuplicateWatch;
  readonly transport: Transport;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly status: () => NodeStatus;
  readonly fail: (error: Error) => void;
}

export class PeerHandler {
  onReply: ((from: PeerId, message: ReplyMessage) => void) | undefined;
  readonly #self: NodeId;
  readonly #inbox: Inbox;
  readonly #replicas: ReplicaSet;
  readonly #admission: Admission;
  readonly #topologySync: TopologySync;
  readonly #peerHeartbeats: PeerHeartbeats;
  readonly #rollbackDetector: RollbackDetector;
  readonly #duplicateWatch: DuplicateWatch;
  readonly #transport: Transport;
  readonly #runtime: Runtime;
  readonly #logger: Logger;
  readonly #status: () => NodeStatus;
  readonly #fail: (error: Error) => void;
  /** How often the link to a node broke. */
  readonly #linkBreaks = new Map<PeerId, number>();

  constructor(parts: PeerHandlerParts) {
    this.#self = parts.self;
    this.#inbox = parts.inbox;
    this.#replicas = parts.replicas;
    this.#admission = parts.admission;
    this.#topologySync = parts.topologySync;
    this.#peerHeartbeats = parts.peerHeartbeats;
    this.#rollbackDetector = parts.rollbackDetector;
    this.#duplicateWatch = parts.duplicateWatch;
    this.#transport = parts.transport;
    this.#runtime = parts.runtime;
    this.#logger = parts.logger;
    this.#status = parts.status;
    this.#fail = parts.fail;
  }

  // Called between turns.

  transportEvents(): TransportEvents {
    return {
      onMessages: (from, messages) => {
        this.#inbox.receive({ from, messages });
      },
      onLink: (peer, up) => {
        this.#inbox.task(() => {
          this.#onLink(peer, up);
        });
      },
      onDuplicate: (peer) => {
        if (peer < ROUTER_PEERS) this.#fail(new DuplicateNode(this.#self, peer));
      },
      checkMembership: (hello) => this.#topologySync.objection(hello),
      validateHello: (hello, decide) => {
        this.#duplicateWatch.examine(hello, decide);
      },
      helloTo: (peer) => ({ ...this.#topologySync.helloTo(), ...this.#rollbackDetector.helloTo(peer) }),
      finalCheck: (hello) => {
        const refused = this.#topologySync.objection(hello);
        if (refused === undefined) this.#rollbackDetector.onHello(hello, this.#topologySync.hasShownUid(hello));
        return refused;
      },
    };
  }

  // Called in a turn.

  /** @param now when the turn began */
  deliver({ from, messages }: Received, now: number): void {
    let isAlive = false;
    for (const message of messages) {
      switch (message.type) {
        case 'raft': {
          isAlive = true;
          const replica = this.#replicas.get(message.group);
          if (replica === undefined) break;
          replica.step(message.message);
          this.#replicas.markDirty(replica);
          break;
        }
        case 'topology':
          this.#topologySync.onOffer(from, message.topology);
          break;
        case 'ping':
          if (this.#peerHeartbeats.onPing(from, message, now)) this.onPeerDead(from);
          break;
        case 'position':
          this.#rollbackDetector.recordPosition(from, message.position);
          break;
        case 'read-index-request':
          this.#onIndexRequest(from, message);
          break;
        case 'read-index': {
          const replica = this.#replicas.get(message.group);
          if (replica === undefined) break;
          replica.bounded.answered(from, message.id, message.index);
          this.#replicas.markDirty(replica);
          break;
        }
        case 'process-question':
        case 'process-answer':
        case 'request':
        case 'status-request':
        case 'reply':
        case 'status':
          this.answer(from, message, now);
      }
    }
    if (isAlive) this.#peerHeartbeats.recordHeartbeat(from, now);
  }

  #onIndexRequest(from: PeerId, { group, id }: Extract<PeerMessage, { type: 'read-index-request' }>): void {
    const linkBreaks = this.#linkBreaks.get(from);
    const answer = (index: number | undefined): void => {
      // As for requests: an earlier process of the peer may have asked.
      if (this.#linkBreaks.get(from) !== linkBreaks) return;
      this.#transport.send(from, { type: 'read-index', group, id, index });
    };
    const replica = this.#replicas.get(group);
    if (replica === undefined) {
      answer(undefined);
      return;
    }
    replica.bounded.question(answer);
    this.#replicas.markDirty(replica);
  }

  /**
   * Everything except consensus: operations, status, questions about other nodes. A failed node still answers these.
   */
  answer(from: PeerId, message: PeerMessage, now: number): void {
    switch (message.type) {
      case 'request': {
        const linkBreaks = this.#linkBreaks.get(from);
        this.#admission.start(
          message.request,
          (reply) => {
            // The link broke: the peer may have restarted since, and this id may name another request of its own by now.
            if (this.#linkBreaks.get(from) !== linkBreaks) return;
            this.#transport.send(from, { type: 'reply', id: message.id, reply });
          },
          now,
        );
        return;
      }
      case 'status-request':
        this.#transport.send(from, { type: 'status', id: message.id, status: this.#status() });
        return;
      case 'reply':
      case 'status':
        this.onReply?.(from, message);
        return;
      case 'process-question':
        this.#duplicateWatch.onQuestion(from, message);
        return;
      case 'process-answer':
        this.#duplicateWatch.onAnswer(from, message);
        return;
      case 'raft':
      case 'topology':
      case 'position':
      case 'ping':
      case 'read-index-request':
      case 'read-index':
    }
  }

  /**
   * Peer presumed dead, after an election timeout of silence or a broken link: groups that it led may elect at once.
   */
  onPeerDead(peer: NodeId): void {
    this.#logger.warn({ peer }, 'peer is silent');
    this.#replicas.onPeerDead(peer);
    this.#duplicateWatch.onPeerDead(peer);
  }

  #onLink(peer: PeerId, up: boolean): void {
    // A router's peer id is never reused for another link; a node's is.
    if (!up && peer < ROUTER_PEERS) this.#linkBreaks.set(peer, (this.#linkBreaks.get(peer) ?? 0) + 1);
    if (!up) this.#replicas.markUnreachable(peer);
    this.#duplicateWatch.onLink(peer, up);
    if (this.#peerHeartbeats.onLink(peer, up, this.#runtime.now())) this.onPeerDead(peer);
  }
}
