/** What the killing of leaders found, for people and for programs. */
import { table } from '../support/table.js';
import type { FailoverResult } from './failover.js';
import { GOAL_HEADER, goalLines, judge, type JudgedGoal } from './goals.js';
import { percentile } from './latencies.js';
import { machineLine } from './machine.js';
import type { Findings, Header } from './result.js';

export function failoverFindings(result: FailoverResult, header: Header): Findings {
  const { kills, calmGapsMs, operations, seconds } = result;
  const gaps = sorted(kills.flatMap(({ gapsMs }) => gapsMs));
  const calm = sorted(calmGapsMs);
  const failures = kills.flatMap((kill) => kill.failures);
  const without = { p50Ms: percentile(gaps, 0.5), p99Ms: percentile(gaps, 0.99), longestMs: percentile(gaps, 1) };
  const goals = goalsOf(without.p99Ms, failures.length, kills.length);
  const ms = (value: number): string => `${Math.round(value)} ms`;
  const lines = kills.map(({ node, shards, gapsMs, failures: some, restartMs }, i) => {
    const own = sorted(gapsMs);
    const [p50, longest] = [percentile(own, 0.5), percentile(own, 1)];
    return [
      `${i + 1}: n${node}`,
      String(shards),
      String(own.length),
      ms(p50),
      ms(longest),
      ms(restartMs),
      String(some.length),
    ];
  });
  const idle = kills.filter(({ gapsMs }) => gapsMs.length === 0).length;
  return {
    data: { withoutService: without, errors: failures.length, ...result },
    goals,
    text: [
      machineLine(header.machine),
      `Kvorum ${header.commit}${header.changed ? ' with changes' : ''}: ${kills.length} × kill -9; default timers, 5 s deadline, ` +
        `${Math.round(operations / seconds).toLocaleString('en')} operations/s meanwhile`,
      '',
      table(['kill', 'led shards', 'keys', 'p50', 'longest', 'serves again', 'errors'], lines),
      '',
      `Without service, ${gaps.length} keys of shards that had to change their leader: ` +
        `p50 ${ms(without.p50Ms)}, p99 ${ms(without.p99Ms)}, longest ${ms(without.longestMs)}`,
      `The same without a kill: p50 ${ms(percentile(calm, 0.5))}, p99 ${ms(percentile(calm, 0.99))}. No gap is shorter than a client's pause.`,
      `Errors seen by clients: ${failures.length}${failures.length === 0 ? '' : ` (${kinds(failures.map(({ what }) => what))})`}`,
      ...(idle === 0 ? [] : [`Beware: ${idle} kills met no leader.`]),
      '',
      table(GOAL_HEADER, goalLines(goals)),
    ].join('\n'),
  };
}

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

function goalsOf(p99Ms: number, errors: number, kills: number): JudgedGoal[] {
  return [
    judge({ name: 'time without service, p99', better: 'less', floor: 1_500, aim: 700, unit: ' ms' }, p99Ms),
    judge(
      { name: `client errors in ${kills} kills, 5 s deadline`, better: 'less', floor: 0, aim: 0, unit: '' },
      errors,
    ),
  ];
}

function kinds(all: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(one, (counts.get(one) ?? 0) + 1);
  return [...counts].map(([what, count]) => `${count} × ${what}`).join(', ');
}
