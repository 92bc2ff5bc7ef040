/** Drives one target with one row for some seconds; measures the clients' results and the processes' costs. */
import { setTimeout as pause } from 'node:timers/promises';
import { cpuMs, residentBytes, writtenBytes } from '../support/cpu.js';
import type { LoadOutcome, Target } from './target.js';
import { delayBetweenMs, median } from './latencies.js';
import { putsPerRequest, type Row } from './workload.js';

/** Of one run, or the medians of several; NaN (null in JSON): unknown. */
export interface Figures {
  readonly opsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly failures: number;
  /** CPU seconds per 1,000 operations, of all server processes together. */
  readonly cpuSecondsPer1000: number;
  /** Of the load generator, as a share of one core. */
  readonly loadCpuShare: number;
  readonly commitsPerSecond: number;
  readonly entriesPerCommit: number;
  /** Bytes written to disk by one replica per byte of value that was put, checkpoints included. */
  readonly writtenPerByte: number;
  readonly loopDelayP99Ms: readonly number[];
  readonly residentMiB: readonly number[];
}

/** Pause after a run, for answers that the load did not wait for, and for the disk's queue. */
const SETTLE_MS = 300;
const MIB = 1024 * 1024;

export interface MeasureOptions {
  readonly row: Row;
  readonly seconds: number;
  readonly valueBytes: number;
  /** Replaces the target's own `drive`, such as by one at a given rate. */
  readonly drive?: () => Promise<LoadOutcome>;
}

export async function measure(target: Target, { row, seconds, valueBytes, drive }: MeasureOptions): Promise<Figures> {
  const { pids, nodePids } = target;
  const earlier = await target.counters?.();
  const cpu = total(pids, cpuMs);
  const written = total(nodePids, writtenBytes);
  const outcome = await (drive?.() ?? target.drive(row, seconds));
  const usedMs = total(pids, cpuMs) - cpu;
  const later = await target.counters?.();
  await pause(SETTLE_MS);
  const wrote = total(nodePids, writtenBytes) - written;
  const putBytes = outcome.operations * putsPerRequest(row.operation) * valueBytes * target.replicas;
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

const total = (pids: readonly number[], of: (pid: number) => number): number => sum(pids.map(of));

/** Of measurements of the same length, as if they had been one: costs weigh as much as what was done at them. */
export function joined(parts: readonly Figures[]): Figures {
  const done = sum(parts.map((part) => part.opsPerSecond));
  const cost = sum(parts.map((part) => part.opsPerSecond * part.cpuSecondsPer1000));
  return { ...medians(parts), opsPerSecond: done / parts.length, cpuSecondsPer1000: cost / done };
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The median of each figure by itself; failures are summed, since one is too many. */
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
