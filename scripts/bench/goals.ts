/**
 * What Kvorum wants to reach, and whether it does: a floor under which it is not good enough, and an aim.
 *
 * Plain arithmetic on results; every goal that a run could not measure says so. Knows no process.
 */

export type Verdict = 'aim met' | 'floor met' | 'MISSED' | 'not measured';

export interface Goal {
  readonly name: string;
  readonly better: 'more' | 'less';
  readonly floor: number;
  readonly aim: number;
  readonly unit: string;
}

export interface JudgedGoal extends Goal {
  /** null: not measured, which `why` explains. */
  readonly measured: number | null;
  readonly verdict: Verdict;
  readonly why?: string;
}

export function judge(goal: Goal, measured: number, why = 'not part of this run'): JudgedGoal {
  if (isNaN(measured)) return { ...goal, measured: null, verdict: 'not measured', why };
  const reaches = (mark: number): boolean => (goal.better === 'more' ? measured >= mark : measured <= mark);
  const verdict = reaches(goal.aim) ? 'aim met' : reaches(goal.floor) ? 'floor met' : 'MISSED';
  return { ...goal, measured, verdict };
}

const round = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2));

export function goalLines(goals: readonly JudgedGoal[]): string[][] {
  return goals.map(({ name, better, floor, aim, unit, measured, verdict, why }) => {
    const sign = better === 'more' ? '≥' : '≤';
    const got = measured === null ? '–' : `${round(measured)}${unit}`;
    const marks = [`${sign} ${floor.toLocaleString('en')}${unit}`, `${sign} ${aim.toLocaleString('en')}${unit}`];
    return [name, got, ...marks, why === undefined ? verdict : `${verdict}: ${why}`];
  });
}

export const GOAL_HEADER = ['goal', 'measured', 'floor', 'aim', 'verdict'] as const;
