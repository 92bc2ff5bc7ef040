/** A report as text. It begins with the verdict, followed by FAILED if the run did not pass. */
import type { Options } from './options.js';
import type { Report } from './report.js';

const list = (record: Readonly<Record<string, number>>): string =>
  Object.entries(record)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none';

const number = (value: number): string => Math.round(value).toLocaleString('en');

const after = (ms: number | null): string => (ms === null ? 'not in time' : `after ${number(ms)} ms`);

export function summary(options: Options, report: Report): string {
  const { operations, duringFaults, whileHealing } = report;
  const { nodes, replicas, routers, shards, seconds, workload, clients, seed } = options;
  const byOperation = Object.entries(report.byOperation).map(
    ([op, { ok, failed, unknown }]) => `${op} ${ok}/${failed}/${unknown}`,
  );
  const lines = [
    `${report.verdict}${report.passed ? '' : ' FAILED'}`,
    `${workload}, ${nodes} nodes, ${replicas} replicas, ${shards} shards, ${routers} routers, ${clients} clients, ${seconds} s, seed ${seed}`,
    `operations  ${number(operations.total)}: ok ${number(operations.ok)}, failed ${number(operations.failed)}, unknown ${number(operations.unknown)}; ${number(report.okPerSecond)} ok/s; ${report.keys} keys`,
    `by kind     ${byOperation.join(', ')} (ok/failed/unknown)`,
    `not ok      ${list(report.errors)}`,
    `attempts    ${number(report.attempts)}, of which ${number(report.replays)} were answered from memory; ${number(report.large)} values of 20 to 60 kB written`,
    `faults      ${list(report.faults)}; ${number(duringFaults.operations)} operations during faults, ${number(duringFaults.ok)} ok`,
    `waiting     longest of a client ${number(report.longestWaitMs)} ms; longest without any success ${number(report.longestSilenceMs)} ms`,
    `healed      under load all shards served through every endpoint ${after(report.timeToServeMs)}, all nodes ready ${after(report.timeToReadyMs)}, all replicas level ${after(report.timeToLevelMs)}; ${number(whileHealing.operations)} operations meanwhile, ${number(whileHealing.ok)} ok`,
    `judged      in ${number(report.checkMs)} ms`,
    ...Object.entries(report.skipped).map(([kind, why]) => `skipped     ${kind}: ${why}`),
    ...report.failures.map((failure) => `FAILED      ${failure}`),
  ];
  return lines.join('\n');
}
