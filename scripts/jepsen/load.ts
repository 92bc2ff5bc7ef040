/** The clients of a run: each does the workload's next step at its own pace until the run stops them. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Session } from './session.js';
import type { Workload } from './workloads/workload.js';

export interface LoadOptions {
  readonly workload: Workload;
  readonly sessions: readonly Session[];
  /** Average steps per second of one client, if it does not have to wait for answers. */
  readonly perSecond: number;
  readonly signal: AbortSignal;
}

/** Settles when the last operation of every client has ended. */
export async function runLoad(options: LoadOptions): Promise<void> {
  await Promise.all(options.sessions.map((session) => runClient(session, options)));
}

async function runClient(session: Session, { workload, perSecond, signal }: LoadOptions): Promise<void> {
  while (!signal.aborted) {
    await workload.step(session);
    // Exponential, so that clients sometimes contend for a key and sometimes do not.
    const idleMs = (-Math.log(1 - session.random.next()) * 1_000) / perSecond;
    await pause(idleMs, undefined, { signal }).catch(() => undefined);
  }
}
