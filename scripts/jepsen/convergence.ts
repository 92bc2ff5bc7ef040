/**
 * After everything is healed, while the clients go on: does the cluster converge?
 *
 * Without load a lagging replica has unlimited time, and what an idle cluster repairs a busy one may not. So every
 * shard has to be served through every endpoint, then every node ready, then every replica has to have applied what was
 * committed when that was asked; all of it within one bound. The checks are passed in: nothing here accesses the
 * cluster or the clients.
 */
import { setTimeout as pause } from 'node:timers/promises';

/** Waits for `limitMs` at most. @returns what is still missing then, one line each; empty: nothing */
export type Wait = (limitMs: number) => Promise<readonly string[]>;

/** In the order in which they are waited for. */
export const STAGES = ['served', 'ready', 'level'] as const;
type Stage = (typeof STAGES)[number];

export interface ConvergenceOptions {
  readonly waits: Readonly<Record<Stage, Wait>>;
  /** For all stages together. */
  readonly limitMs: number;
  /** The clients go on for at least this long, however early the cluster has converged. */
  readonly leastMs: number;
  /** Nanoseconds on the history's clock. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

export interface Convergence {
  /** From the heal until the clients were stopped, in nanoseconds on the history's clock. */
  readonly start: number;
  readonly end: number;
  /** Milliseconds from the heal; undefined: not within the bound. */
  readonly afterMs: Readonly<Record<Stage, number | undefined>>;
  /** What was still missing at the limit, one line each. */
  readonly missing: readonly string[];
}

export async function convergence({ waits, limitMs, leastMs, now, signal }: ConvergenceOptions): Promise<Convergence> {
  const start = now();
  const startedAt = performance.now();
  const passedMs = (): number => performance.now() - startedAt;
  const afterMs: Record<Stage, number | undefined> = { served: undefined, ready: undefined, level: undefined };
  const missing: string[] = [];
  for (const stage of STAGES) {
    if (signal.aborted) break;
    // Stages after a failed one are still checked once: they may show why it failed.
    const complaints = await waits[stage](Math.max(0, limitMs - passedMs()));
    if (complaints.length === 0) afterMs[stage] = passedMs();
    else missing.push(...complaints);
  }
  const leftMs = leastMs - passedMs();
  // Timers drop fractions of a millisecond, twice.
  if (leftMs > 0) await pause(Math.ceil(leftMs) + 1, undefined, { signal }).catch(() => undefined);
  return { start, end: now(), afterMs, missing };
}
