/** A comparison as tables of text. Knows no target but by its name. */
import { table } from '../support/table.js';
import type { Comparison, RowResult } from './compare.js';
import { TARGETS, type TargetName } from './target.js';
import { SAID } from './workload.js';

const whole = (value: number): string => (isNaN(value) ? '–' : Math.round(value).toLocaleString('en'));
const fixed = (value: number, digits: number): string => (isNaN(value) ? '–' : value.toFixed(digits));
const percent = (share: number): string => (isNaN(share) ? '–' : `${Math.round(100 * share)} %`);
const each = (values: readonly number[], digits: number): string =>
  values.length === 0 ? '–' : values.map((value) => fixed(value, digits)).join(' / ');

/** A load that uses more of a core than this may be what is measured. */
export const BUSY_LOAD = 0.85;
/** So may be one that does not get much more out of a server that does nothing. */
const CLOSE_TO_ECHO = 0.9;

const present = ({ targets }: RowResult): TargetName[] => TARGETS.filter((name) => targets[name] !== undefined);

export function comparisonTable({ rows }: Comparison): string {
  const header = ['', 'clients', 'of', 'ops/s', 'kvorum is', 'p50 ms', 'p99 ms', 'p99.9 ms', 'CPU s/1,000', 'load CPU'];
  const lines = rows.flatMap((result) =>
    present(result).map((name, i) => {
      const figures = result.targets[name];
      if (figures === undefined) return [];
      const ratio = (result.targets.kvorum?.opsPerSecond ?? NaN) / figures.opsPerSecond;
      return [
        i === 0 ? SAID[result.row.operation] : '',
        i === 0 ? String(result.row.clients) : '',
        name,
        whole(figures.opsPerSecond),
        name === 'kvorum' ? '' : `${fixed(ratio, 2)}×`,
        fixed(figures.p50Ms, 2),
        fixed(figures.p99Ms, 2),
        fixed(figures.p999Ms, 2),
        fixed(figures.cpuSecondsPer1000, 3),
        percent(figures.loadCpuShare),
        figures.failures === 0 ? '' : `${figures.failures} FAILED`,
      ];
    }),
  );
  return table([...header, ''], lines);
}

/** What the stores did inside. */
export function insideTable({ rows }: Comparison): string {
  const header = ['', 'clients', 'of', 'commits/s', 'entries each', 'written/byte', 'loop delay p99 ms', 'RSS MiB'];
  const lines = rows.flatMap((result) =>
    present(result).flatMap((name) => {
      const f = result.targets[name];
      if (f === undefined || f.residentMiB.length === 0) return [];
      const { operation, clients } = result.row;
      const inside = [whole(f.commitsPerSecond), fixed(f.entriesPerCommit, 1), fixed(f.writtenPerByte, 1)];
      return [[SAID[operation], String(clients), name, ...inside, each(f.loopDelayP99Ms, 1), each(f.residentMiB, 0)]];
    }),
  );
  return table(header, lines);
}

/** What a reader has to know before believing the figures. */
export function warnings({ rows }: Comparison): string[] {
  return rows.flatMap((result) => {
    const row = `${SAID[result.row.operation]}, ${result.row.clients} clients`;
    const busy = present(result).filter((name) => (result.targets[name]?.loadCpuShare ?? 0) > BUSY_LOAD);
    const { kvorum, echo } = result.targets;
    const close = (kvorum?.opsPerSecond ?? 0) > CLOSE_TO_ECHO * (echo?.opsPerSecond ?? Infinity);
    return [
      ...busy.map((name) => `${row}, ${name}: the load generator was busy; the server may be able to do more`),
      ...(close ? [`${row}: nearly as fast as the echo; the load generator may be what was measured`] : []),
    ];
  });
}

/** Lowest and highest round of the echo around its median: what the machine's noise does to a server that does nothing. NaN: unknown. */
export function noise({ rows }: Comparison): number {
  const spreads = rows.flatMap(({ targets: { echo } }) =>
    echo === undefined || echo.rounds.length < 2
      ? []
      : [(Math.max(...echo.rounds) - Math.min(...echo.rounds)) / echo.opsPerSecond],
  );
  return spreads.length === 0 ? NaN : Math.max(...spreads);
}
