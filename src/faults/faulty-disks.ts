/**
 * Disks of nodes that are slow, hang, fail, or are full: files in their data folders, which the shim checks at each
 * call (scripts/slow-disk).
 */
import { FaultRefused, type Fault, type NodeView } from './fault.js';
import { FAILED_FILE, FULL_FILE, sayToShim, SYNC_FILE, WITHOUT_SHIM } from './shim-files.js';

export type DiskFault = Extract<Fault, { type: 'slow-disk' | 'hang-disk' | 'fill-disk' | 'fail-disk' }>;

const HANG = 'hang';
/** Writes in place fail too: else a full disk goes unnoticed until a file has to grow. */
const ALL_WRITES = 'all';

interface DiskState {
  slowMs: number;
  hangs: boolean;
  full: boolean;
  fails: boolean;
}

export class FaultyDisks {
  readonly #states: (DiskState & { readonly dataDir: string })[];
  readonly #hasShim: boolean;

  /** @param dataDirs of nodes 1..N, in order; files that an earlier start left there are removed */
  constructor(dataDirs: readonly string[], hasShim: boolean) {
    this.#states = dataDirs.map((dataDir) => ({ dataDir, slowMs: 0, hangs: false, full: false, fails: false }));
    this.#hasShim = hasShim;
    for (const index of dataDirs.keys()) this.heal(index + 1);
  }

  view(node: number): Pick<NodeView, 'slowDiskMs' | 'disk'> {
    const { slowMs, ...state } = this.#of(node);
    const disk = (['hangs', 'full', 'fails'] as const).filter((what) => state[what]);
    return disk.length === 0 ? { slowDiskMs: slowMs } : { slowDiskMs: slowMs, disk };
  }

  /** @throws FaultRefused if the nodes run without the shim */
  apply(fault: DiskFault): void {
    if (!this.#hasShim) throw new FaultRefused(`${fault.type}: ${WITHOUT_SHIM}`);
    const state = this.#of(fault.node);
    if (fault.type === 'slow-disk') state.slowMs = fault.ms;
    else if (fault.type === 'hang-disk') state.hangs = true;
    else if (fault.type === 'fill-disk') state.full = true;
    else state.fails = true;
    this.#say(fault.node);
  }

  heal(node: number): void {
    Object.assign(this.#of(node), { slowMs: 0, hangs: false, full: false, fails: false });
    this.#say(node);
  }

  #of(node: number): DiskState & { readonly dataDir: string } {
    const state = this.#states[node - 1];
    if (state === undefined) throw new RangeError(`there is no node ${node}`);
    return state;
  }

  #say(node: number): void {
    const { dataDir, slowMs, hangs, full, fails } = this.#of(node);
    sayToShim(dataDir, SYNC_FILE, hangs ? HANG : slowMs > 0 ? String(slowMs) : undefined);
    sayToShim(dataDir, FULL_FILE, full ? ALL_WRITES : undefined);
    sayToShim(dataDir, FAILED_FILE, fails ? '' : undefined);
  }
}
