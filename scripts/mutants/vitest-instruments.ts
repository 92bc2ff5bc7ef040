/**
 * Instruments that are part of the test suite: random runs of the core, random runs of whole nodes, damaged files.
 *
 * Their results are read from vitest's JSON. Seeds are counted where a test reports its seed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Instrument, Sighting } from './instrument.js';
import type { InstrumentName } from './mutant.js';
import { runNode, type ProcessResult } from './processes.js';

interface Suite {
  readonly name: InstrumentName;
  readonly files: readonly string[];
  readonly unit: 'seeds' | 'tests';
  readonly budget: number;
  readonly timeoutMs: number;
}

const SUITES: readonly Suite[] = [
  {
    name: 'core',
    files: ['test/raft/random.test.ts', 'test/raft/lease-chaos.test.ts'],
    unit: 'seeds',
    budget: 1_000,
    timeoutMs: 180_000,
  },
  { name: 'nodes', files: ['test/shard/random.test.ts'], unit: 'seeds', budget: 200, timeoutMs: 180_000 },
  {
    name: 'files',
    files: [
      'test/raft/storage/damage.test.ts',
      'test/raft/storage/crash-points.test.ts',
      'test/raft/storage/durable-names.test.ts',
      'test/raft/storage/files.test.ts',
      'test/raft/storage/large-values.test.ts',
      'test/raft/storage/model.test.ts',
      'test/raft/storage/journal-quota.test.ts',
      'test/raft/storage/request-queue.test.ts',
      'test/raft/storage/two-threads.test.ts',
      'test/raft/storage/unsynced.test.ts',
      'test/raft/storage/wraps.test.ts',
    ],
    unit: 'tests',
    budget: 1,
    timeoutMs: 120_000,
  },
  {
    // Each test describes one defect as it was before it was fixed.
    name: 'repairs',
    files: [
      'test/raft/core-quiet.test.ts',
      'test/raft/core-snapshots.test.ts',
      'test/raft/hung-disk.test.ts',
      'test/raft/lease.test.ts',
      'test/raft/slow-links.test.ts',
      'test/raft/snapshots-received.test.ts',
      'test/raft/storage/full-disks.test.ts',
      'test/raft/transcripts.test.ts',
      'test/raft/wraps.test.ts',
      'test/router/dispatch-again.test.ts',
      'test/router/health.test.ts',
      'test/router/over-shards.test.ts',
      'test/router/public-limits.test.ts',
      'test/router/read-over-shards.test.ts',
      'test/router/request-bounds.test.ts',
      'test/router/shard-service.test.ts',
      'test/router/attempt-outcome.test.ts',
      'test/router/wraps.test.ts',
      'test/shard/checkpointer.test.ts',
      'test/shard/cluster-uid.test.ts',
      'test/shard/dedup.test.ts',
      'test/shard/encoded-limits.test.ts',
      'test/shard/failed-node.test.ts',
      'test/shard/hung-disk.test.ts',
      'test/shard/kept-answers.test.ts',
      'test/shard/log-retention.test.ts',
      'test/shard/operation-faults.test.ts',
      'test/shard/patch/tape.test.ts',
      'test/shard/rollback-detector.test.ts',
      'test/shard/promises.test.ts',
      'test/shard/roll-back.test.ts',
      'test/shard/memtable-model.test.ts',
      'test/shard/memtable-range.test.ts',
      'test/shard/namespaces.test.ts',
      'test/shard/runtime.test.ts',
      'test/shard/send-window.test.ts',
      'test/shard/waiting-prepares.test.ts',
      'test/shard/slow-follower.test.ts',
      'test/shard/outgoing-snapshots.test.ts',
      'test/shard/two-lanes.test.ts',
      'test/shard/wraps.test.ts',
      'test/shard/wraps-nodes.test.ts',
      'test/shard/write-endings.test.ts',
      'test/shard/wall-clock.test.ts',
      'test/shard/ws-handshake.test.ts',
      'test/shard/ws-pieces.test.ts',
      'test/sim/clock.test.ts',
      'test/sim/virtual-disk.test.ts',
    ],
    unit: 'tests',
    budget: 1,
    timeoutMs: 180_000,
  },
];

/** The part of vitest's JSON that is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    /** Path of the test file. */
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

export const vitestInstruments: readonly Instrument[] = SUITES.map((suite) => ({
  name: suite.name,
  unit: suite.unit,
  budget: suite.budget,
  unavailable: (root) => {
    const missing = suite.files.find((file) => !existsSync(join(root, file)));
    return missing && `${missing} is not there`;
  },
  run: async (folder, budget) => {
    const output = join(folder, `${suite.name}.json`);
    const ended = await runNode(
      ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', '--bail', '1', '--reporter', 'json']
        .concat('--outputFile', output)
        .concat(suite.files),
      { cwd: folder, env: { KVORUM_SEEDS: String(budget) }, timeoutMs: suite.timeoutMs },
    );
    const report = existsSync(output) ? (JSON.parse(readFileSync(output, 'utf8')) as Report) : undefined;
    return judge(suite, budget, ended, report);
  },
}));

function judge(suite: Suite, budget: number, ended: ProcessResult, report: Report | undefined): Sighting {
  const { seconds } = ended;
  if (ended.timedOut) return { type: 'broken', seconds, why: `not done after ${suite.timeoutMs / 1000} s` };
  if (report === undefined) return { type: 'broken', seconds, why: lastLine(ended.stderr) };
  const [failed] = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map((test) => ({ ...test, file: name })),
  );
  if (failed !== undefined) {
    const [message = ''] = failed.failureMessages ?? [];
    const seed = /\bseed (\d+)\b/.exec(message)?.[1] ?? /\(seed (\d+)\)/.exec(failed.fullName)?.[1];
    const counted = seed === undefined ? `${report.numPassedTests + report.numFailedTests} tests` : `${seed} seeds`;
    const file = suite.files.find((one) => failed.file.endsWith(one));
    return { type: 'caught', after: counted, seconds, what: firstLine(message), ...(file && { file }) };
  }
  if (report.numPassedTests === 0 || ended.code !== 0) {
    const why = report.testResults.map(({ message }) => message).find((message) => message !== '');
    return { type: 'broken', seconds, why: firstLine(why ?? lastLine(ended.stderr)) };
  }
  return {
    type: 'silent',
    after: suite.unit === 'seeds' ? `${budget} seeds` : `${report.numPassedTests} tests`,
    seconds,
  };
}

const firstLine = (text: string): string => text.split('\n', 1)[0]?.trim() ?? '';
const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim() ?? '';
