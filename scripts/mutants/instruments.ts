/**
 * The instruments, cheapest first. Runs on real processes are run as a user runs them, and only their JSON is read.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Instrument, Sighting } from './instrument.js';
import { parseReport, runNode, type Ended } from './processes.js';
import { simulator } from './simulator.js';
import { vitestInstruments } from './vitest-instruments.js';

const PROCESSES_TIMEOUT_MS = 600_000;

/** A script of package.json that is run with tsx; undefined if there is none of that name. */
function scriptFile(root: string, name: string): string | undefined {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const file = /(scripts\/\S+\.ts)/.exec(scripts[name] ?? '')?.[1];
  return file !== undefined && existsSync(join(root, file)) ? file : undefined;
}

async function runScript(folder: string, name: string, args: readonly string[]): Promise<Ended> {
  const file = scriptFile(folder, name) ?? '';
  return runNode(['node_modules/tsx/dist/cli.mjs', file, ...args], { cwd: folder, timeoutMs: PROCESSES_TIMEOUT_MS });
}

const powerCut: Instrument = {
  name: 'power-cut',
  unit: 'cuts',
  budget: 6,
  unavailable: (root) => {
    if (scriptFile(root, 'power-cut') === undefined) return 'there is no script power-cut';
    return process.getuid?.() === 0 ? undefined : 'power cuts need root';
  },
  run: async (folder, budget) => {
    const ended = await runScript(folder, 'power-cut', ['--cuts', String(budget), '--json']);
    return judgeExit(ended, `${budget} cuts`);
  },
};

const jepsen: Instrument = {
  name: 'jepsen',
  unit: 'seconds',
  budget: 60,
  unavailable: (root) => (scriptFile(root, 'jepsen') === undefined ? 'there is no script jepsen' : undefined),
  run: async (folder, budget) => {
    const ended = await runScript(folder, 'jepsen', ['--seconds', String(budget), '--json']);
    return judgeExit(ended, `${budget} s`);
  },
};

/** Exit 0: nothing found; 1 with a report: something found. */
export function judgeExit(ended: Ended, after: string): Sighting {
  const { seconds } = ended;
  const report = parseReport(ended);
  if ('why' in report) return { type: 'broken', seconds, why: report.why };
  if (ended.code === 0) return { type: 'silent', after, seconds };
  if (ended.code !== 1) return { type: 'broken', seconds, why: `exit code ${String(ended.code)}` };
  const { verdict, reason } = report.value as Readonly<Record<string, unknown>>;
  const what = [verdict, reason].filter((part) => typeof part === 'string').join(': ');
  return { type: 'caught', after, seconds, what: what === '' ? 'the script says that it failed' : what };
}

export const INSTRUMENTS: readonly Instrument[] = [...vitestInstruments, simulator, jepsen, powerCut];
