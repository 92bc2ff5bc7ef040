/**
 * The state machine of group 0: holds the topology, which is replaced as a whole, one epoch after the other.
 */
import { createHash } from 'node:crypto';
import type { Machine, StateStore } from '../machine/index.js';
import type { ListPage } from '../list.js';
import type { Answer } from '../operation.js';
import type { Topology } from './topology.js';

const TOPOLOGY_ROW = 'topology';

export const encodeTopology = (topology: Topology): Uint8Array => Buffer.from(JSON.stringify(topology));
/** The bytes come from this cluster's log or state, to which only `encodeTopology` writes. */
export const decodeTopology = (bytes: Uint8Array): Topology => JSON.parse(Buffer.from(bytes).toString()) as Topology;

export class SystemMachine implements Machine {
  readonly keyCount = 0;
  #topology: Topology | undefined;
  #hash = '';
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  get topology(): Topology | undefined {
    return this.#topology;
  }

  load(): void {
    this.#adopt(this.#store.get(TOPOLOGY_ROW));
  }

  /** Accepts a topology of the same cluster with the next epoch; so of two proposed at once the second is refused. */
  apply(index: number, data: Uint8Array): Answer {
    const next = decodeTopology(data);
    const { epoch = 0, clusterUid = next.clusterUid } = this.#topology ?? {};
    if (next.clusterUid !== clusterUid) {
      const message = `the topology is of cluster ${clusterUid ?? ''}, the change of ${next.clusterUid ?? 'none'}`;
      return { type: 'refused', code: 'precondition-failed', outcome: 'not_applied', message, details: {} };
    }
    if (next.epoch !== epoch + 1) {
      const message = `the topology is at epoch ${epoch}, the change was made for ${next.epoch - 1}`;
      return { type: 'refused', code: 'precondition-failed', outcome: 'not_applied', message, details: {} };
    }
    this.#store.set(TOPOLOGY_ROW, data);
    this.#adopt(data);
    return { type: 'put', revision: index, version: next.epoch, created: epoch === 0, replayed: false };
  }

  get(): undefined {
    return undefined;
  }

  /** No client's operation reaches the system group. */
  read(): Uint8Array {
    throw new Error('the system group has no records');
  }

  list(): ListPage {
    throw new Error('the system group has no records');
  }

  flush(): void {
    // The one row is the whole state.
  }

  stateHash(): string {
    return this.#hash;
  }

  #adopt(bytes: Uint8Array | undefined): void {
    this.#topology = bytes === undefined ? undefined : decodeTopology(bytes);
    this.#hash = createHash('sha256')
      .update(bytes ?? '')
      .digest('hex')
      .slice(0, 16);
  }
}
