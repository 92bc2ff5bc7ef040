/**
 * Client operations at the node that holds the shard: admission, encoding, and the answer with its sender.
 *
 * Knows groups; knows no transport, and no other node beyond a hint. What is not this node's to answer is refused:
 * forwarding is the router's business.
 */
import { encodeCommand } from './command.js';
import type { Group } from './group.js';
import type { Groups } from './groups.js';
import type { Done } from './inbox.js';
import type { Answer, ShardRequest } from './operation.js';
import { refuse } from './refusals.js';
import type { Runtime } from './runtime.js';
import type { Waiter } from './waiting.js';

/** Why a node takes no operations now. */
export interface Closed {
  readonly code: 'shutting-down' | 'disk-full' | 'storage-failed';
  readonly reason: string;
}

class PendingOperation implements Waiter {
  readonly deadline: number;
  readonly key: Uint8Array;
  readonly #operations: Operations;
  readonly #group: Group;
  readonly #done: Done;

  constructor(operations: Operations, group: Group, request: ShardRequest, deadline: number, done: Done) {
    this.#operations = operations;
    this.#group = group;
    this.deadline = deadline;
    this.key = request.operation.key;
    this.#done = done;
  }

  done(answer: Answer): void {
    this.#operations.inflight--;
    this.#done({ answer, term: this.#group.raft.term, servedBy: this.#group.raft.id });
  }
}

export class Operations {
  inflight = 0;
  closed: Closed | undefined;
  readonly #self: number;
  readonly #groups: Groups;
  readonly #runtime: Runtime;
  readonly #maxInflight: number;

  constructor(self: number, groups: Groups, runtime: Runtime, maxInflight: number) {
    this.#self = self;
    this.#groups = groups;
    this.#runtime = runtime;
    this.#maxInflight = maxInflight;
  }

  start(request: ShardRequest, done: Done): void {
    const group = this.#groups.ofShard(request.shard);
    const refusal = this.#refusal(group);
    if (refusal !== undefined || group === undefined) {
      const answer = refusal ?? refuse('not-here', 'this node holds no replica of the shard', { shard: request.shard });
      done({ answer, term: group?.raft.term ?? 0, servedBy: this.#self });
      return;
    }
    this.inflight++;
    const deadline = this.#runtime.now() + request.budgetMs;
    const waiter = new PendingOperation(this, group, request, deadline, done);
    const { operation } = request;
    if (operation.type === 'get') group.read(operation.consistency, waiter);
    // Only a leader's proposal is encoded: its clock goes into the entry.
    else if (group.isLeader) group.write(encodeCommand(operation, this.#runtime.wallTime()), waiter);
    else group.refuseWrite(waiter);
    this.#groups.touch(group);
  }

  #refusal(group: Group | undefined): Answer | undefined {
    if (this.closed !== undefined) return refuse(this.closed.code, this.closed.reason);
    if (group !== undefined && this.inflight >= this.#maxInflight) {
      return refuse('overloaded', `more than ${this.#maxInflight} operations wait at this node`);
    }
    return undefined;
  }
}
