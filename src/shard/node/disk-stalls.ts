/**
 * The reaction to commits that wait for disk space: reads continue, consensus continues as far as it can, new writes
 * are refused. They are refused at once if the disk is full; after a delay if the journal is at its quota or
 * descriptors are exhausted, since both are mostly temporary.
 */
import type { Storage, StorageStall } from '../../raft/index.js';
import type { ErrorCode } from '../errors.js';
import type { Logger, Runtime } from '../runtime.js';

export interface DiskStall {
  /** `commits`: the start of the node waits, too. `state`: commits continue as long as the journal has space. */
  readonly waits: StorageStall['waits'];
  /** The disk is full; the journal is at its quota; or no file descriptor is left to open a file. */
  readonly reason: 'disk-full' | 'journal-full' | 'no-descriptors';
  readonly message: string;
  /** When it began, in ms on the runtime's monotonic clock. */
  readonly sinceMs: number;
}

/**
 * Delay (ms) before writes are refused when the journal is at its quota: a checkpoint is about to free space, and the
 * writes that wait meanwhile are bounded by admission.
 */
export const STALL_PATIENCE_MS = 500;

const REASONS = { full: 'disk-full', quota: 'journal-full', unopened: 'no-descriptors' } as const;

export class DiskStalls {
  readonly #runtime: Runtime;
  readonly #logger: Logger;
  #stall: DiskStall | undefined;

  /** `onStall`: commits have just begun to wait; a checkpoint may free space. Called outside of the node's turns. */
  constructor(storage: Storage, runtime: Runtime, logger: Logger, onStall: () => void) {
    this.#runtime = runtime;
    this.#logger = logger;
    storage.onStall((stall) => {
      const isNew = this.#stall === undefined;
      this.#update(stall);
      if (stall !== undefined && isNew) onStall();
    });
  }

  get stall(): DiskStall | undefined {
    return this.#stall;
  }

  /** For how long commits have waited; undefined: they have not. */
  get roomWaitMs(): number | undefined {
    return this.#stall?.waits === 'commits' ? this.#runtime.now() - this.#stall.sinceMs : undefined;
  }

  /** Why a write is refused now, and its error code; undefined: it is not. */
  get refusal(): { readonly code: ErrorCode; readonly message: string } | undefined {
    if (this.#stall?.waits !== 'commits') return undefined;
    const { reason, sinceMs } = this.#stall;
    if (reason === 'disk-full') return { code: 'disk-full', message: 'the disk of the node is full' };
    if (this.#runtime.now() - sinceMs < STALL_PATIENCE_MS) return undefined;
    if (reason === 'journal-full') return { code: 'disk-full', message: 'the journal of the node is at its quota' };
    return { code: 'overloaded', message: 'the node has no file descriptors left for its journal' };
  }

  #update(stall: StorageStall | undefined): void {
    const before = this.#stall;
    const now = this.#runtime.now();
    if (stall === undefined) {
      if (before !== undefined)
        this.#logger.info({ afterMs: Math.round(now - before.sinceMs) }, 'the disk has room again');
      this.#stall = undefined;
      return;
    }
    const { waits, message } = stall;
    const reason = REASONS[stall.reason];
    this.#stall = { waits, reason, message, sinceMs: before?.sinceMs ?? now };
    if (before?.reason === reason && before.waits === waits) return;
    this.#logger.warn({ reason: message }, waits === 'commits' ? 'commits wait for room' : 'checkpoints wait for room');
  }
}
