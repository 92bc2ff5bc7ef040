/** The findings as tables of text. */
import { table } from '../support/table.js';
import type { Finding, Look } from './verdict.js';

const MAX_WHAT = 90;

export function describeLook({ instrument, sighting }: Look): string {
  const seconds = `${sighting.seconds.toFixed(1)} s`;
  switch (sighting.type) {
    case 'caught':
      return `caught by ${nameOf({ instrument, sighting })} after ${sighting.after}, ${seconds}: ${shorten(sighting.what)}`;
    case 'silent':
      return `${instrument} saw nothing in ${sighting.after}, ${seconds}`;
    case 'broken':
      return `${instrument} came to no verdict, ${seconds}: ${shorten(sighting.why)}`;
  }
}

/**
 * `caught by`: what caught it in this run, which stops at the first unless every instrument is run (`--each`).
 * `recorded`: all that the bank records for it; only `--each` shows what each of them finds by itself.
 */
export function findingsTable(findings: readonly Finding[]): string {
  const rows = findings.map((finding) => [
    `${finding.mutant.id} ${finding.mutant.title}`,
    ...cells(finding),
    finding.mutant.caughtBy.join(', '),
  ]);
  return table(['bug', 'caught by', 'after', 'in', 'recorded'], rows);
}

function cells({ verdict, looks, missing }: Finding): string[] {
  const caught = looks.filter(({ sighting: { type } }) => type === 'caught');
  const last = caught[0] ?? looks.at(-1);
  if (last === undefined || verdict === 'not run') {
    return ['not run here', missing.map(({ instrument, why }) => `${instrument}: ${why}`).join('; '), ''];
  }
  const seconds = looks.reduce((sum, { sighting }) => sum + sighting.seconds, 0);
  const { sighting } = last;
  const after = sighting.type === 'broken' ? shorten(sighting.why) : sighting.after;
  const by = verdict === 'caught' ? caught.map(nameOf).join(', ') : verdict.toUpperCase();
  return [by, after, `${seconds.toFixed(1)} s`];
}

export function summary(findings: readonly Finding[]): string {
  const count = (verdict: Finding['verdict']): number => findings.filter((f) => f.verdict === verdict).length;
  const parts = [`${count('caught')} of ${findings.length} caught`];
  for (const verdict of ['survived', 'unclear', 'not run'] as const) {
    if (count(verdict) > 0) parts.push(`${count(verdict)} ${verdict === 'not run' ? 'not run here' : verdict}`);
  }
  return parts.join(', ');
}

/** With the test file, if the instrument consists of many. */
const nameOf = ({ instrument, sighting }: Look): string =>
  sighting.type === 'caught' && sighting.file !== undefined
    ? `${instrument} (${sighting.file.replace(/^test\//, '').replace(/\.test\.ts$/, '')})`
    : instrument;

const shorten = (text: string): string => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > MAX_WHAT ? `${line.slice(0, MAX_WHAT - 1)}…` : line;
};
