/**
 * Instruments that run real processes: the scripts of this project, run in the copy as a user runs them; only their
 * JSON is read. Complaints about anything but the bug (too little load on a busy machine, say) are not a catch.
 */
import { whatIsMissing } from '../power-cut/able.js';
import type { Instrument, Sighting } from './instrument.js';
import { parseReport, runNode, type ProcessResult } from './processes.js';

const TIMEOUT_MS = 900_000;

const runScript = (folder: string, script: string, args: readonly string[]): Promise<ProcessResult> =>
  runNode(['--import', 'tsx', `scripts/${script}.ts`, ...args, '--json'], { cwd: folder, timeoutMs: TIMEOUT_MS });

let missing: { readonly what: string | undefined } | undefined;

export const powerCut: Instrument = {
  name: 'power-cut',
  unit: 'cuts',
  budget: 3,
  unavailable: () => {
    // Checked once: it makes a disk and mounts it.
    missing ??= { what: whatIsMissing() };
    return missing.what && `needs ${missing.what}`;
  },
  run: async (folder, budget) => judgePowerCut(await runScript(folder, 'power-cut', ['--cuts', String(budget)])),
};

interface PowerCutReport {
  readonly results?: readonly { readonly cuts: readonly { readonly cut: number; readonly lost: number }[] }[];
}

/** A power cut can show lost acknowledged writes, and nothing else. */
export function judgePowerCut(ended: ProcessResult): Sighting {
  const { seconds, code } = ended;
  const report = parseReport(ended);
  if ('why' in report) return { type: 'broken', seconds, why: report.why };
  const cuts = ((report.value as PowerCutReport).results ?? []).flatMap((result) => result.cuts);
  const losing = cuts.find(({ lost }) => lost > 0);
  if (losing !== undefined) {
    const what = `${losing.lost} acknowledged writes lost`;
    return { type: 'caught', after: `${losing.cut} cuts`, seconds, what };
  }
  if (code === 0 && cuts.length > 0) return { type: 'silent', after: `${cuts.length} cuts`, seconds };
  return { type: 'broken', seconds, why: `exit code ${String(code)} after ${cuts.length} cuts: ${lastLine(ended)}` };
}

export const jepsen: Instrument = {
  name: 'jepsen',
  unit: 'seconds',
  budget: 60,
  unavailable: () => undefined,
  run: async (folder, budget) => {
    const args = ['--seconds', String(budget), '--faults', 'mixed'];
    return judgeJepsen(await runScript(folder, 'jepsen', args), budget);
  },
};

interface JepsenReport {
  readonly verdict?: string;
  readonly failures?: readonly string[];
}

export function judgeJepsen(ended: ProcessResult, budget: number): Sighting {
  const { seconds, code } = ended;
  const report = parseReport(ended);
  if ('why' in report) return { type: 'broken', seconds, why: report.why };
  const { verdict, failures = [] } = report.value as JepsenReport;
  if (verdict === 'ILLEGAL') {
    return { type: 'caught', after: `${budget} s`, seconds, what: failures[0] ?? 'the history is not linearizable' };
  }
  if (code === 0 && verdict === 'LINEARIZABLE') return { type: 'silent', after: `${budget} s`, seconds };
  return { type: 'broken', seconds, why: failures[0] ?? `exit code ${String(code)}: ${lastLine(ended)}` };
}

const lastLine = ({ stderr }: ProcessResult): string => stderr.trim().split('\n').at(-1) ?? '';
