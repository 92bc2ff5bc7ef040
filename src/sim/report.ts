/**
 * The result of a campaign or a seed, as text and as one JSON document.
 *
 * The report of one seed depends on nothing but the seed and its scenario; wall time appears only in the report of a
 * campaign, and is passed in.
 */
import { COVERAGE_SEEDS, hasPassed, type Campaign, type CampaignFailure } from './campaign.js';
import type { Scenario } from './scenario.js';
import { overridesBetween, repeatCommand, seedText } from './overrides.js';
import type { SimResult } from './result.js';
import type { Shrunk } from './shrink.js';

export interface CampaignSummary {
  readonly campaign: Campaign;
  readonly first: number;
  /** It was stopped before its time. */
  readonly interrupted: boolean;
  readonly wallMs: number;
  readonly lanes: number;
  readonly scenarioOf: (seed: number) => Scenario;
  /** Of the first failure; a string says why there is none. */
  readonly shrunk: Shrunk | string | undefined;
}

/** Just enough digits to see a difference. */
const rounded = (value: number): number => Number(value.toPrecision(4));
const ratio = (simulatedMs: number, realMs: number): number => (realMs > 0 ? rounded(simulatedMs / realMs) : 0);
const thousands = (value: number): string => value.toLocaleString('en-US');

const commandOf = (generate: (seed: number) => Scenario, seed: number, scenario: Scenario): string =>
  repeatCommand(seed, overridesBetween(generate(seed), scenario));

export function campaignDocument(facts: CampaignSummary): Readonly<Record<string, unknown>> {
  const { campaign, first, interrupted, wallMs, lanes, scenarioOf } = facts;
  const { totals, seeds, failures } = campaign;
  return {
    seeds,
    first: seedText(first),
    passed: hasPassed(campaign) && !interrupted,
    interrupted,
    failed: failures.length,
    failures: failures.map((failure, index) => ({
      seed: seedText(failure.seed),
      check: failure.check,
      reason: failure.reason,
      atMs: failure.atMs,
      command: commandOf(scenarioOf, failure.seed, failure.scenario),
      ...(index === 0 ? { shrunk: shrunkDocument(facts, failure) } : {}),
    })),
    missingFaults: campaign.missingFaults,
    replayed: campaign.replayed,
    simulatedSeconds: rounded(totals.simulatedMs / 1000),
    wallSeconds: rounded(wallMs / 1000),
    cpuSeconds: rounded(totals.cpuMs / 1000),
    simulatedSecondsPerSecond: ratio(totals.simulatedMs, wallMs),
    perCore: ratio(totals.simulatedMs, totals.cpuMs),
    jobs: lanes,
    events: totals.events,
    operations: totals.operations,
    faults: totals.faults,
    faultSeeds: totals.faultSeeds,
    reached: totals.reached,
    missingMarks: campaign.missingMarks,
    nodes: Object.fromEntries(totals.nodes),
    shards: Object.fromEntries(totals.shards),
    digest: totals.digest,
  };
}

function shrunkDocument({ shrunk, scenarioOf }: CampaignSummary, { seed }: CampaignFailure): unknown {
  if (typeof shrunk !== 'object') return undefined;
  const { scenario, failure, runs, finished } = shrunk;
  return { command: commandOf(scenarioOf, seed, scenario), reason: failure.reason, atMs: failure.atMs, runs, finished };
}

export function campaignReport(facts: CampaignSummary): string {
  const { campaign, first, interrupted, wallMs, lanes } = facts;
  const { totals, seeds, failures, missingFaults, missingMarks, replayed } = campaign;
  const verdict = hasPassed(campaign) && !interrupted ? 'PASSED' : interrupted ? 'INTERRUPTED' : 'FAILED';
  const { ok, failed, unknown } = totals.operations;
  const rates =
    `${ratio(totals.simulatedMs, wallMs)} simulated seconds a second with ${counted(lanes, 'job')}, ` +
    `${ratio(totals.simulatedMs, totals.cpuMs)} a second of one core`;
  return lines([
    `${verdict}: ${counted(seeds, 'seed')} from ${seedText(first)} on, ${failures.length} failed`,
    row('simulated', `${thousands(rounded(totals.simulatedMs / 1000))} s in ${rounded(wallMs / 1000)} s`),
    row('speed', rates),
    row('events', thousands(totals.events)),
    row('operations', `${thousands(ok)} ok, ${thousands(failed)} failed, ${thousands(unknown)} unknown`),
    row('nodes', distribution(totals.nodes)),
    row('shards', distribution(totals.shards)),
    row('replayed', `${counted(replayed, 'seed')} twice, to compare`),
    row('digest', totals.digest),
    ...countTable('faults, and seeds that had some', totals.faults, totals.faultSeeds),
    ...(Object.keys(totals.reached).length > 0 ? countTable('seeds that reached', totals.reached) : []),
    ...(seeds === 0 ? ['', 'no seed came to an end'] : []),
    ...missingFaults.map((kind) => `FAILED: no fault of kind ${kind} in ${COVERAGE_SEEDS} seeds or more`),
    ...missingMarks.map((mark) => `FAILED: ${mark} was reached in none of ${COVERAGE_SEEDS} seeds or more`),
    ...failures.flatMap((failure, index) => failureLines(facts, failure, index === 0)),
  ]);
}

function failureLines({ scenarioOf, shrunk }: CampaignSummary, failure: CampaignFailure, first: boolean): string[] {
  const { seed, scenario, check, reason, atMs } = failure;
  const said = [
    '',
    `FAILED: seed ${seedText(seed)}, ${check}${moment(atMs)}`,
    ...indented(reason),
    `  again: ${commandOf(scenarioOf, seed, scenario)}`,
  ];
  if (!first || shrunk === undefined) return said;
  if (typeof shrunk === 'string') return [...said, `  not made smaller: ${shrunk}`];
  const extent = shrunk.finished ? '' : ', and would have gone on';
  return [
    ...said,
    `  smallest, after ${counted(shrunk.runs, 'run')}${extent}: ${shrunk.failure.check}${moment(shrunk.failure.atMs)}`,
    ...indented(shrunk.failure.reason),
    `  again: ${commandOf(scenarioOf, seed, shrunk.scenario)}`,
  ];
}

export function seedDocument(seed: number, generated: Scenario, result: SimResult): Readonly<Record<string, unknown>> {
  const { failure, scenario, ...rest } = result;
  const command = repeatCommand(seed, overridesBetween(generated, scenario));
  // The document calls the scenario `mix`: programs may rely on that name.
  return { passed: failure === undefined, failure: failure ?? null, command, mix: scenario, ...rest };
}

export function seedReport(seed: number, generated: Scenario, result: SimResult): string {
  const { scenario, failure, operations } = result;
  const verdict = failure === undefined ? 'PASSED' : 'FAILED';
  return lines([
    `${verdict}: seed ${seedText(seed)}${failure === undefined ? '' : `, ${failure.check}${moment(failure.atMs)}`}`,
    ...(failure === undefined ? [] : indented(failure.reason)),
    row('simulated', `${result.simulatedMs / 1000} s`),
    row('events', thousands(result.events)),
    row('operations', `${operations.ok} ok, ${operations.failed} failed, ${operations.unknown} unknown`),
    row(
      'cluster',
      `${counted(scenario.nodes, 'node')}, ${counted(scenario.shards, 'shard')}, ${counted(scenario.replicas, 'replica')}`,
    ),
    row(
      'load',
      `${counted(scenario.routers, 'router')}, ${counted(scenario.clients, 'client')}, ${counted(scenario.keys, 'key')}, ${scenario.durationMs} ms of faults`,
    ),
    row('digest', result.digest),
    ...countTable('faults', result.faults),
    ...(Object.keys(result.reached).length > 0 ? countTable('reached', result.reached) : []),
    ...planTable(scenario),
    `again: ${repeatCommand(seed, overridesBetween(generated, scenario))}`,
  ]);
}

function countTable(
  title: string,
  counts: Readonly<Record<string, number>>,
  seeds?: Readonly<Record<string, number>>,
): string[] {
  const kinds = Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
  if (kinds.length === 0) return [`${title}: none`];
  const longest = Math.max(...kinds.map(([kind]) => kind.length));
  const digits = Math.max(...kinds.map(([, count]) => thousands(count).length));
  const widest = Math.max(0, ...Object.values(seeds ?? {}).map((count) => thousands(count).length));
  const second = (kind: string): string =>
    seeds === undefined ? '' : `  ${thousands(seeds[kind] ?? 0).padStart(widest)}`;
  return [
    title,
    ...kinds.map(([kind, count]) => `  ${kind.padEnd(longest)}  ${thousands(count).padStart(digits)}${second(kind)}`),
  ];
}

/** What the numbers of --faults mean. */
function planTable({ faults }: Scenario): string[] {
  if (faults.length === 0) return [];
  const longest = Math.max(...faults.map(({ kind }) => kind.length));
  const number = (value: number, width: number) => String(value).padStart(width);
  return [
    'plan',
    ...faults.map(
      ({ id, kind, atMs, lastsMs }) =>
        `  ${number(id, 3)}  ${kind.padEnd(longest)}  at ${number(atMs, 6)} ms, for ${number(lastsMs, 5)} ms`,
    ),
  ];
}

const distribution = (counts: ReadonlyMap<number, number>): string =>
  [...counts].map(([value, seeds]) => `${value}: ${thousands(seeds)}`).join(', ') + ' seeds';

const moment = (atMs: number | undefined): string => (atMs === undefined ? '' : `, at ${rounded(atMs)} ms`);
const row = (name: string, value: string): string => `${name.padEnd(10)}  ${value}`;
const counted = (count: number, noun: string): string => `${thousands(count)} ${plural(count, noun)}`;
const plural = (count: number, noun: string): string => (count === 1 ? noun : `${noun}s`);
const indented = (text: string): string[] => text.split('\n').map((line) => `  ${line}`);
const lines = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');
