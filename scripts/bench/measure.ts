/** One target, one row, some seconds: what the load saw, and what it cost the processes. Knows no particular target. */
import { setTimeout as pause } from 'node:timers/promises';
import { cpuMs, residentBytes, writtenBytes } from '../support/cpu.js';
import type { LoadOutcome } from './load.js';
import { median } from './latencies.js';
import { delayBetweenMs } from './loop-delay.js';
import type { Target } from './target.js';
import { putShare, type Row } from './workload.js';

/** One run, or the medians of some; NaN in JSON becomes null: not known. */
export interface Figures {
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly failures: number;
  /** All server processes together, CPU seconds for 1,000 operations. */
  readonly cpuSecondsPer1000: number;
  /** Of the load generator, as a share of one core. */
  readonly loadCpuShare: number;
  readonly commitsPerSecond: number;
  readonly entriesPerCommit: number;
  /** Written to disk by one replica for each byte of value that was put, checkpoints included. */
  readonly writtenPerByte: number;
  readonly loopDelayP99Ms: readonly number[];
  readonly residentMiB: readonly number[];
}

/** After a run: answers that the load did not wait for, and the disk's queue. */
const SETTLE_MS = 300;
const MIB = 1024 * 1024;

export interface Measured {
  readonly row: Row;
  readonly seconds: number;
  readonly valueBytes: number;
  /** Instead of the target's own, such as one at a given rate. */
  readonly drive?: () => Promise<LoadOutcome>;
}

export async function measure(target: Target, { row, seconds, valueBytes, drive }: Measured): Promise<Figures> {
  const { pids, nodePids } = target;
  const earlier = await target.counters?.();
  const cpu = total(pids, cpuMs);
  const written = total(nodePids, writtenBytes);
  const outcome = await (drive?.() ?? target.drive(row, seconds));
  const usedMs = total(pids, cpuMs) - cpu;
  const later = await target.counters?.();
  await pause(SETTLE_MS);
  const wrote = total(nodePids, writtenBytes) - written;
  const putBytes = outcome.operations * putShare(row.operation) * valueBytes * target.replicas;
  const commits = (later?.commits ?? NaN) - (earlier?.commits ?? NaN);
  return {
    opsPerSecond: (outcome.operations * 1_000) / outcome.tookMs,
    p50Ms: outcome.p50Ms,
    p99Ms: outcome.p99Ms,
    p999Ms: outcome.p999Ms,
    failures: outcome.failures,
    cpuSecondsPer1000: usedMs / outcome.operations,
    loadCpuShare: outcome.cpuMs / outcome.tookMs,
    commitsPerSecond: (commits * 1_000) / outcome.tookMs,
    entriesPerCommit: commits > 0 ? ((later?.entries ?? NaN) - (earlier?.entries ?? NaN)) / commits : NaN,
    writtenPerByte: putBytes > 0 && wrote > 0 ? wrote / putBytes : NaN,
    loopDelayP99Ms: (later?.loopDelays ?? []).map((delays, node) =>
      delayBetweenMs(earlier?.loopDelays[node] ?? [], delays, 0.99),
    ),
    residentMiB: nodePids.map((pid) => residentBytes(pid) / MIB),
  };
}

const total = (pids: readonly number[], of: (pid: number) => number): number =>
  pids.reduce((sum, pid) => sum + of(pid), 0);

/** Of each figure by itself, but all failures together: one is too many. */
export function medians(rounds: readonly Figures[]): Figures {
  const of = (figure: (figures: Figures) => number): number => median(rounds.map(figure).filter((v) => !isNaN(v)));
  const each = (figure: (figures: Figures) => readonly number[]): number[] =>
    (rounds[0] === undefined ? [] : figure(rounds[0])).map((_, i) => of((figures) => figure(figures)[i] ?? NaN));
  return {
    opsPerSecond: of((f) => f.opsPerSecond),
    p50Ms: of((f) => f.p50Ms),
    p99Ms: of((f) => f.p99Ms),
    p999Ms: of((f) => f.p999Ms),
    failures: rounds.reduce((sum, { failures }) => sum + failures, 0),
    cpuSecondsPer1000: of((f) => f.cpuSecondsPer1000),
    loadCpuShare: of((f) => f.loadCpuShare),
    commitsPerSecond: of((f) => f.commitsPerSecond),
    entriesPerCommit: of((f) => f.entriesPerCommit),
    writtenPerByte: of((f) => f.writtenPerByte),
    loopDelayP99Ms: each((f) => f.loopDelayP99Ms),
    residentMiB: each((f) => f.residentMiB),
  };
}
