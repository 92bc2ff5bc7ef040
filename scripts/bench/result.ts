/** A result as a document that says where it comes from, and where it is kept. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from '../support/command.js';
import type { JudgedGoal } from './goals.js';
import type { Machine } from './machine.js';
import type { Options } from './options.js';

/** What one mode of the benchmark found. */
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
  /** There were changes that the commit does not have. */
  readonly changed: boolean;
  readonly load: string;
  readonly machine: Machine;
  /** As asked for, completed by defaults. */
  readonly options: Omit<Options, 'dir' | 'etcdClient' | 'base' | 'json' | 'save'>;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDER = 'bench';

export function headerOf(options: Options, load: string, machine: Machine): Header {
  const asked: Partial<Options> = { ...options };
  // Places on this machine, and what is done with the result, are nobody else's business.
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

/** The name of a kept result: when, and of what. */
export function resultName({ mode, date, commit, changed }: Header): string {
  const kind = mode === 'compare' ? '' : `-${mode}`;
  return `${date.slice(0, 10)}-${commit}${changed ? '-changed' : ''}${kind}.json`;
}

/** Writes below `bench/`; the result names what was written, relative to the project. */
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
