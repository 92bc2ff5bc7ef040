/**
 * The simulator as an instrument: run in the copy as a user runs it, and only its JSON is read.
 *
 * Seeds are run in growing batches, so that a mutant caught by an early seed does not cost hundreds of them.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Instrument, Sighting } from './instrument.js';
import type { InstrumentName } from './mutant.js';
import { parseReport, runNode, type ProcessResult } from './processes.js';

const FIRST_PORTION = 8;
const GROWTH = 3;
/** Of one seed, on a loaded machine. */
const TIMEOUT_MS_PER_SEED = 20_000;

function simulator(name: InstrumentName, scenario: readonly string[]): Instrument {
  return {
    name,
    unit: 'seeds',
    budget: 300,
    unavailable: (root) => (existsSync(join(root, 'src/sim')) ? undefined : 'src/sim is not there'),
    run: async (folder, budget) => {
      let seconds = 0;
      for (const { first, count } of portions(budget)) {
        const seeds = ['--first', first.toString(16), '--seeds', String(count), '--jobs', '1', '--no-shrink', '--json'];
        const timeoutMs = TIMEOUT_MS_PER_SEED * (count + 5);
        const ended = await runNode(['dist/cli.js', 'sim', ...seeds, ...scenario], { cwd: folder, timeoutMs });
        seconds += ended.seconds;
        const sighting = judgeSimulation({ ...ended, seconds }, budget, scenario);
        if (sighting.type !== 'silent') return sighting;
      }
      return { type: 'silent', after: `${budget} seeds`, seconds };
    },
  };
}

/** Scenarios as generated from each seed. */
export const mixed = simulator('sim', []);

/** Links that carry little, and replicas that have to catch up while clients go on. */
export const links = simulator('sim-links', '--models narrow-links,busy-end'.split(' '));

/**
 * The same, where waits that take half a minute in production are given up soon: snapshots over such links take longer.
 */
export const patience = simulator('sim-patience', '--models narrow-links,short-patience,busy-end'.split(' '));

/** Disks that hang or are full for a while, and one node that is isolated while its disk hangs. */
export const disks = simulator('sim-disks', '--models hung-disk,full-disk,hung-alone --replicas 3'.split(' '));

/** Few nodes that read by lease, with ticks that come late. */
export const leases = simulator(
  'sim-leases',
  '--models late-ticks --nodes 3 --replicas 3 --shards 1 --keys 2 --clients 10'.split(' '),
);

/** Transactions over shards. */
export const overShards = simulator('sim-transactions', '--models transactions --shards 3'.split(' '));

/** Ranges of keys, and namespaces. */
export const ranges = simulator('sim-ranges', '--models ranges --shards 2'.split(' '));

/** Three nodes and twenty clients on one key: a stale replica is read while it is stale. */
export const contention = simulator(
  'sim-contention',
  '--nodes 3 --replicas 3 --routers 1 --shards 1 --keys 1 --clients 20'.split(' '),
);

/** 1..budget, divided into batches. */
export function portions(budget: number): { first: number; count: number }[] {
  const cut: { first: number; count: number }[] = [];
  let size = FIRST_PORTION;
  for (let first = 1; first <= budget; first += size / GROWTH) {
    cut.push({ first, count: Math.min(size, budget - first + 1) });
    size *= GROWTH;
  }
  return cut;
}

interface SimulationReport {
  readonly failures: readonly { readonly seed: string; readonly check: string; readonly reason: string }[];
}

/** Exit 0: all seeds passed; 1: one failed, and the JSON names it. Anything else proves nothing. */
export function judgeSimulation(ended: ProcessResult, budget: number, scenario: readonly string[] = []): Sighting {
  const { seconds } = ended;
  const report = parseReport(ended);
  if ('why' in report) return { type: 'broken', seconds, why: report.why };
  const [failure] = (report.value as SimulationReport).failures;
  if (failure === undefined) {
    if (ended.code === 0) return { type: 'silent', after: `${budget} seeds`, seconds };
    return { type: 'broken', seconds, why: `exit code ${String(ended.code)} without a failure` };
  }
  const { seed, check, reason } = failure;
  const after = `${Number.parseInt(seed, 16)} seeds`;
  return {
    type: 'caught',
    after,
    seconds,
    what: `${check}: ${reason}`,
    repeat: ['kvorum sim --seed', seed, ...scenario].join(' '),
  };
}
