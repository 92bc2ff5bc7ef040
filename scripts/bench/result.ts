/**
 * The result of a run: its header (date, commit, machine, options), its goals with their verdicts, and where it is
 * saved.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from '../support/command.js';
import type { Machine } from './context.js';
import type { Options } from './options.js';

/** The result of one mode of the benchmark. */
export interface Findings {
  /** Plain data. */
  readonly data: object;
  readonly goals: readonly JudgedGoal[];
  /** Tables, for people. */
  readonly text: string;
  /** SVG. */
  readonly chart?: string;
}

export interface Header {
  readonly mode: Options['mode'];
  /** UTC. */
  readonly date: string;
  readonly commit: string;
  /** The working tree had uncommitted changes. */
  readonly changed: boolean;
  readonly load: string;
  readonly machine: Machine;
  /** As given, completed by defaults. */
  readonly options: Omit<Options, 'dir' | 'etcdClient' | 'base' | 'json' | 'save'>;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = 'bench';

export function headerOf(options: Options, load: string, machine: Machine): Header {
  const asked: Partial<Options> = { ...options };
  // Paths of this machine do not belong in a published result.
  for (const name of ['dir', 'etcdClient', 'base', 'json', 'save'] as const) Reflect.deleteProperty(asked, name);
  return {
    mode: options.mode,
    date: new Date().toISOString(),
    ...checkout(),
    load,
    machine,
    options: asked as Header['options'],
  };
}

function checkout(): Pick<Header, 'commit' | 'changed'> {
  try {
    const commit = command('git', '-C', ROOT, 'rev-parse', '--short', 'HEAD').trim();
    return { commit, changed: command('git', '-C', ROOT, 'status', '--porcelain').trim() !== '' };
  } catch {
    return { commit: 'unknown', changed: false };
  }
}

/** The file name of a saved result. */
export function resultName({ mode, date, commit, changed }: Header): string {
  const kind = mode === 'compare' ? '' : `-${mode}`;
  return `${date.slice(0, 10)}-${commit}${changed ? '-changed' : ''}${kind}.json`;
}

/** Writes below `bench/`. @returns the written paths, relative to the project */
export function saveResult(header: Header, { data, goals, chart }: Findings): string[] {
  mkdirSync(join(ROOT, FOLDER, 'results'), { recursive: true });
  const written = [join(FOLDER, 'results', resultName(header))];
  writeFileSync(join(ROOT, written[0] ?? ''), `${JSON.stringify({ ...header, ...data, goals }, null, 1)}\n`);
  if (chart !== undefined) {
    written.push(join(FOLDER, 'latest.svg'));
    writeFileSync(join(ROOT, FOLDER, 'latest.svg'), chart);
  }
  return written;
}

export type Verdict = 'aim met' | 'floor met' | 'ok' | 'MISSED' | 'not measured';

/** What Kvorum should reach: a floor below which it is not good enough, and an aim; without an aim, a plain limit. */
export interface Goal {
  readonly name: string;
  readonly better: 'more' | 'less';
  readonly floor: number;
  readonly aim?: number;
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
  if (!reaches(goal.floor)) return { ...goal, measured, verdict: 'MISSED' };
  if (goal.aim === undefined) return { ...goal, measured, verdict: 'ok' };
  return { ...goal, measured, verdict: reaches(goal.aim) ? 'aim met' : 'floor met' };
}

const round = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2));

export function goalLines(goals: readonly JudgedGoal[]): string[][] {
  return goals.map(({ name, better, floor, aim, unit, measured, verdict, why }) => {
    const sign = better === 'more' ? '≥' : '≤';
    const got = measured === null ? '–' : `${round(measured)}${unit}`;
    const mark = (value: number): string => `${sign} ${value.toLocaleString('en')}${unit}`;
    const marks = [mark(floor), aim === undefined ? '–' : mark(aim)];
    return [name, got, ...marks, why === undefined ? verdict : `${verdict}: ${why}`];
  });
}

export const GOAL_HEADER = ['goal', 'measured', 'floor', 'aim', 'verdict'] as const;
