/** What came of the cuts: the table, and the verdict. Knows no disk and no cluster. */
import { table } from '../support/table.js';
import type { Loss } from './promises.js';
import type { Synchronous } from './program.js';

export interface CutResult {
  readonly cut: number;
  /** Writes acknowledged since the cut before. */
  readonly acknowledged: number;
  /** Writes under way at the cut, whose answer never came. */
  readonly inDoubt: number;
  /** Acknowledged writes that were not there afterwards. */
  readonly lost: number;
  /** Keys read back, of this cut and of all before it. */
  readonly read: number;
  /** From the start of the processes until every node was ready; undefined when some keys could not be served. */
  readonly toServeMs: number | undefined;
  /** What else was wrong: a node that did not start, a cut that was none. */
  readonly faults: readonly string[];
  /** The first few that were lost. */
  readonly losses: readonly Loss[];
}

export interface SettingResult {
  readonly synchronous: Synchronous;
  readonly cuts: readonly CutResult[];
}

/** A cut with fewer acknowledged writes says little. */
export const LEAST_WRITES = 1000;

const sum = (cuts: readonly CutResult[], of: 'acknowledged' | 'lost' | 'inDoubt'): number =>
  cuts.reduce((total, cut) => total + cut[of], 0);

/** What keeps the run from showing what it is to show; empty when it does. */
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
  const served = toServeMs === undefined ? 'not served again' : `served after ${number(toServeMs)} ms`;
  const wrong = faults.map((fault) => `\n  ${fault.replaceAll('\n', '\n    ')}`).join('');
  return `cut ${cut}: ${number(acknowledged)} acknowledged, ${number(lost)} lost, ${served}${wrong}`;
}

export function describeSetting(result: SettingResult): string {
  const { synchronous, cuts } = result;
  const header = ['cut', 'acknowledged', 'in doubt', 'lost', 'read back', 'to serve, ms'];
  const rows = cuts.map((cut) => [
    String(cut.cut),
    number(cut.acknowledged),
    number(cut.inDoubt),
    number(cut.lost),
    number(cut.read),
    cut.toServeMs === undefined ? 'not served' : number(cut.toServeMs),
  ]);
  const total = [
    'all',
    number(sum(cuts, 'acknowledged')),
    number(sum(cuts, 'inDoubt')),
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
