/** The results of the cuts: the table, and the verdict. */
import { table } from '../support/table.js';
import type { Loss } from './promises.js';
import type { Synchronous } from './program.js';

export interface CutResult {
  readonly cut: number;
  /** Writes acknowledged since the previous cut. */
  readonly acknowledged: number;
  /** Writes in flight at the cut, which were never answered. */
  readonly outcomeUnknown: number;
  /** Acknowledged writes that were missing afterwards. */
  readonly lost: number;
  /** Keys read back, of this cut and of all before it. */
  readonly read: number;
  /** From the start of the processes until every node was ready; null if some keys could not be served. */
  readonly toServeMs: number | null;
  /** Other failures: a node that did not start, a cut that had no effect. */
  readonly faults: readonly string[];
  /** The first few lost writes. */
  readonly losses: readonly Loss[];
}

export interface SettingResult {
  readonly synchronous: Synchronous;
  readonly cuts: readonly CutResult[];
}

/** A cut with fewer acknowledged writes shows little. */
export const LEAST_WRITES = 1000;

const sum = (cuts: readonly CutResult[], of: 'acknowledged' | 'lost' | 'outcomeUnknown'): number =>
  cuts.reduce((total, cut) => total + cut[of], 0);

/** Why the run does not show what it should; empty if it does. */
export function complaints({ synchronous, cuts }: SettingResult): string[] {
  const found: string[] = [];
  for (const { cut, acknowledged } of cuts) {
    if (acknowledged < LEAST_WRITES)
      found.push(`cut ${cut} had ${acknowledged} acknowledged writes, too few to say anything`);
  }
  if (synchronous === 'FULL') {
    for (const { cut, lost, faults } of cuts) {
      if (lost > 0) found.push(`cut ${cut} lost ${lost} acknowledged writes`);
      found.push(...faults.map((fault) => `cut ${cut}: ${fault}`));
    }
    return found;
  }
  if (sum(cuts, 'lost') === 0) {
    found.push(`synchronous=${synchronous} lost nothing in ${cuts.length} cuts: these cuts cannot show a missing sync`);
  }
  return found;
}

const number = (value: number): string => Math.round(value).toLocaleString('en');

export function describeCut({ cut, acknowledged, lost, toServeMs, faults }: CutResult): string {
  const served = toServeMs === null ? 'not served again' : `served after ${number(toServeMs)} ms`;
  const wrong = faults.map((fault) => `\n  ${fault.replaceAll('\n', '\n    ')}`).join('');
  return `cut ${cut}: ${number(acknowledged)} acknowledged, ${number(lost)} lost, ${served}${wrong}`;
}

export function describeSetting(result: SettingResult): string {
  const { synchronous, cuts } = result;
  const header = ['cut', 'acknowledged', 'unknown', 'lost', 'read back', 'to serve, ms'];
  const rows = cuts.map((cut) => [
    String(cut.cut),
    number(cut.acknowledged),
    number(cut.outcomeUnknown),
    number(cut.lost),
    number(cut.read),
    cut.toServeMs === null ? 'not served' : number(cut.toServeMs),
  ]);
  const total = [
    'all',
    number(sum(cuts, 'acknowledged')),
    number(sum(cuts, 'outcomeUnknown')),
    number(sum(cuts, 'lost')),
    '',
    '',
  ];
  const wrong = complaints(result);
  const verdict =
    wrong.length > 0
      ? `FAILED: ${wrong.join('; ')}`
      : synchronous === 'FULL'
        ? `0 acknowledged writes lost in ${cuts.length} power cuts`
        : `the instrument sees: ${number(sum(cuts, 'lost'))} acknowledged writes lost without the syncs`;
  return `synchronous=${synchronous}\n${table(header, [...rows, total])}\n${verdict}`;
}
