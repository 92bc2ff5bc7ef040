/** Drives one target with one row for some seconds; measures the clients' results and the processes' costs. */
import { setTimeout as pause } from 'node:timers/promises';
import { cpuMs, residentBytes, writtenBytes } from '../support/cpu.js';
import type { Counters, LoadOutcome, Target } from './target.js';
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
  const measurement = new Measurement(target, { row, valueBytes });
  await measurement.turn(seconds, drive);
  return measurement.figures();
}

/** What the nodes counted in all turns so far. */
interface Counted {
  commits: number;
  entries: number;
  /** By node, and by bucket. */
  readonly delays: Map<number, number>[];
}

/**
 * One measurement of a target, in one turn or several, between which others have theirs, and this one idles. All but the
 * bytes written is of the turns: a checkpoint goes on after the turn in which it begins.
 */
export class Measurement {
  readonly #target: Target;
  readonly #options: Pick<MeasureOptions, 'row' | 'valueBytes'>;
  readonly #outcomes: LoadOutcome[] = [];
  readonly #writtenBefore: number;
  readonly #counted: Counted = { commits: 0, entries: 0, delays: [] };
  #cpuMs = 0;

  constructor(target: Target, options: Pick<MeasureOptions, 'row' | 'valueBytes'>) {
    this.#target = target;
    this.#options = options;
    this.#writtenBefore = total(target.nodePids, writtenBytes);
  }

  async turn(seconds: number, drive = () => this.#target.drive(this.#options.row, seconds)): Promise<void> {
    const { pids } = this.#target;
    const earlier = await this.#target.counters?.();
    const cpu = total(pids, cpuMs);
    this.#outcomes.push(await drive());
    this.#cpuMs += total(pids, cpuMs) - cpu;
    this.#count(earlier, await this.#target.counters?.());
    await pause(SETTLE_MS);
  }

  #count(earlier: Counters | undefined, later: Counters | undefined): void {
    const counted = this.#counted;
    counted.commits += (later?.commits ?? NaN) - (earlier?.commits ?? NaN);
    counted.entries += (later?.entries ?? NaN) - (earlier?.entries ?? NaN);
    for (const [node, delays] of (later?.loopDelays ?? []).entries()) {
      const sums = (counted.delays[node] ??= new Map());
      const before = new Map(earlier?.loopDelays[node]);
      for (const [bound, count] of delays) {
        sums.set(bound, (sums.get(bound) ?? 0) + count - (before.get(bound) ?? 0));
      }
    }
  }

  figures(): Figures {
    const { replicas, nodePids } = this.#target;
    const { row, valueBytes } = this.#options;
    const outcomes = this.#outcomes;
    const of = (figure: (outcome: LoadOutcome) => number): number => sum(outcomes.map(figure));
    const [operations, tookMs] = [of((o) => o.operations), of((o) => o.tookMs)];
    const { commits, entries, delays } = this.#counted;
    const wrote = total(nodePids, writtenBytes) - this.#writtenBefore;
    const putBytes = operations * putsPerRequest(row.operation) * valueBytes * replicas;
    return {
      opsPerSecond: (operations * 1_000) / tookMs,
      // Those of several turns are in the middle of the turns' own.
      p50Ms: median(outcomes.map((o) => o.p50Ms)),
      p99Ms: median(outcomes.map((o) => o.p99Ms)),
      p999Ms: median(outcomes.map((o) => o.p999Ms)),
      failures: of((o) => o.failures),
      cpuSecondsPer1000: this.#cpuMs / operations,
      loadCpuShare: of((o) => o.cpuMs) / tookMs,
      commitsPerSecond: (commits * 1_000) / tookMs,
      entriesPerCommit: commits > 0 ? entries / commits : NaN,
      writtenPerByte: putBytes > 0 && wrote > 0 ? wrote / putBytes : NaN,
      loopDelayP99Ms: delays.map((counts) => delayBetweenMs([], [...counts], 0.99)),
      residentMiB: nodePids.map((pid) => residentBytes(pid) / MIB),
    };
  }
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

const total = (pids: readonly number[], of: (pid: number) => number): number => sum(pids.map(of));

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
