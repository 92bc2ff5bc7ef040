/**
 * A cluster that answers at once from a plain map: enough semantics (revisions, conditions, operation ids) to test
 * HTTP against, and switches for what can go wrong. No Raft, no clock.
 */
import type { ReplyCallback, ServingState } from '../../src/router/dispatch/backend.js';
import { refuse } from '../../src/shard/errors.js';
import { isPlainWrite } from '../../src/shard/operation.js';
import type {
  Answer,
  Condition,
  KeyRecord,
  NodeHealth,
  NodeStatus,
  OutgoingSnapshot,
  KvOperation,
  Refusal,
  ShardRequest,
  Topology,
  PlainWrite,
} from '../../src/shard/index.js';
import { shardOfKey } from '../../src/shard/keys/hash.js';
import type { List, ListPage } from '../../src/shard/list.js';
import { readKeyPage } from '../../src/shard/machine/key-page.js';
import { encodeContent } from '../../src/shard/machine/record-row.js';
import { topologyOf } from './fake-cluster.js';
import type { HeldBackend } from './held-backend.js';
import { MapStateStore } from './map-state-store.js';

const TERM = 3;

export class FakeBackend implements HeldBackend {
  self: number | undefined = 1;
  known: Topology | undefined = topologyOf(3, [
    [1, 2, 3],
    [1, 2, 3],
    [1, 2, 3],
    [1, 2, 3],
  ]);
  serving: ServingState = 'serving';
  readonly dead = new Set<number>();
  /** Of all shards. */
  leader: number | undefined = 1;
  /** While set, every operation gets this answer. */
  answer: Refusal | undefined;
  /** While true, operations wait; `release` answers them. */
  holding = false;
  status: NodeStatus | undefined;
  ailing: NodeHealth | undefined;
  snapshots: readonly OutgoingSnapshot[] = [];
  /** Of other nodes than the first; those without one do not answer. */
  readonly others = new Map<number, NodeStatus>();
  /** Rounds of statuses that were asked for. */
  rounds = 0;
  readonly received: ShardRequest[] = [];
  readonly #records = new Map<string, KeyRecord>();
  readonly #answers = new Map<string, { readonly print: string; readonly answer: Answer }>();
  #held: (() => void)[] = [];
  #revision = 0;

  topology(): Topology | undefined {
    return this.known;
  }
  onTopology(): void {
    // Never changes.
  }
  alive(node: number): boolean {
    return !this.dead.has(node);
  }
  leaderOf(): number | undefined {
    return this.leader;
  }
  localStatus(): NodeStatus | undefined {
    return this.status;
  }
  health(): NodeHealth | undefined {
    return this.ailing;
  }
  outgoingSnapshots(): readonly OutgoingSnapshot[] {
    return this.snapshots;
  }
  state(): ServingState {
    return this.serving;
  }
  statuses(): Promise<ReadonlyMap<number, NodeStatus | undefined>> {
    this.rounds += 1;
    return Promise.resolve(
      new Map((this.known?.nodes ?? []).map(({ id }) => [id, id === 1 ? this.status : this.others.get(id)])),
    );
  }

  submit(node: number, request: ShardRequest, done: ReplyCallback): void {
    this.received.push(request);
    const act = (): void => {
      done({ answer: this.answer ?? this.#perform(request.operation), term: TERM, servedBy: node });
    };
    if (this.holding) this.#held.push(act);
    else act();
  }

  release(): void {
    this.holding = false;
    for (const act of this.#held.splice(0)) act();
  }

  get held(): number {
    return this.#held.length;
  }

  #perform(operation: KvOperation): Answer {
    if (operation.type === 'get') {
      return { type: 'get', record: this.#records.get(hex(operation.key)), revision: this.#revision };
    }
    if (operation.type === 'list') return { type: 'list', revision: this.#revision, ...this.#list(operation) };
    if (!isPlainWrite(operation)) throw new Error('this backend runs no programs');
    const id = hex(operation.operationId);
    const print = fingerprint(operation);
    const remembered = this.#answers.get(id);
    if (remembered !== undefined) {
      return remembered.print === print ? replay(remembered.answer) : refuse('idempotency-key-reused');
    }
    const answer = this.#write(operation);
    this.#answers.set(id, { print, answer });
    return answer;
  }

  #list(list: List): ListPage {
    const rows = new MapStateStore();
    for (const [text, record] of this.#records) {
      const key = Buffer.from(text, 'hex');
      if (shardOfKey(key, this.known?.shardCount ?? 1) !== list.shard) continue;
      const content = { ...record, expiresAtMs: record.expiresAtMs };
      rows.set(`\0${key.toString('latin1')}`, encodeContent(key, content));
    }
    return readKeyPage(rows, list);
  }

  #write(write: PlainWrite): Answer {
    const key = hex(write.key);
    const before = this.#records.get(key);
    if (!holds(write.condition, before)) {
      return refuse('precondition-failed', undefined, { currentRevision: before?.revision ?? 0 });
    }
    this.#revision += 1;
    const revision = this.#revision;
    if (write.type === 'delete') {
      return { type: 'delete', deleted: this.#records.delete(key), revision, replayed: false };
    }
    const version = (before?.version ?? 0) + 1;
    const createRevision = before?.createRevision ?? revision;
    const { body, contentType } = write;
    this.#records.set(key, { revision, createRevision, version, contentType, body });
    return { type: 'put', revision, version, created: before === undefined, replayed: false };
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function fingerprint(write: PlainWrite): string {
  const body = write.type === 'put' ? `${write.contentType} ${hex(write.body)}` : '';
  return `${write.type} ${hex(write.key)} ${JSON.stringify(write.condition)} ${body}`;
}

function replay(answer: Answer): Answer {
  return answer.type === 'get' || answer.type === 'list' ? answer : { ...answer, replayed: true };
}

function holds(condition: Condition, before: KeyRecord | undefined): boolean {
  switch (condition.type) {
    case 'none':
      return true;
    case 'absent':
      return before === undefined;
    case 'exists':
      return before !== undefined;
    case 'revision':
      return before?.revision === condition.revision;
  }
}
