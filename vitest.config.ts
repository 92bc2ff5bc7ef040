import { defineConfig } from 'vitest/config';

/**
 * What takes long and seldom fails: `npm run test:long`, not `npm test`, which is to take minutes. Mostly real processes
 * under faults, whole simulations, and copies of the project in which bugs are planted.
 */
const long = [
  'test/e2e/{copied-folder,crash,damaged-folder,descriptors,faults,full-disk,jepsen,killed-processes}.test.ts',
  'test/e2e/{lost-folders,sim,slow-disk}.test.ts',
  'test/embedded/broken-folders.test.ts',
  'test/{check/transactions/,}linear-time.test.ts',
  'test/mutants/{bank,leftovers,run}.test.ts',
  'test/raft/storage/processes.test.ts',
  'test/sim/{models,run,trial}.test.ts',
];
/** Tests with real processes: after the others and one file at a time, so that they have the machine to themselves. */
const withProcesses = ['test/e2e/**/*.test.ts', 'test/readme*.test.ts'];
/** Of those, and of the long ones. */
const alone = {
  globalSetup: ['./test/e2e/build.ts'],
  testTimeout: 60_000,
  hookTimeout: 60_000,
  fileParallelism: false,
};

export default defineConfig({
  test: {
    reporters: ['default', './test/support/reporter.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...withProcesses, ...long],
          // Files share a process: loading everything anew for each took as long as half of the tests. None leaves
          // anything behind for the next.
          isolate: false,
          // All cores: left alone it spares one, which is half of a small machine.
          maxWorkers: '100%',
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: withProcesses,
          exclude: long,
          ...alone,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'long', include: long, ...alone, sequence: { groupOrder: 2 } },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/raft/**', 'src/shard/**'],
      thresholds: {
        'src/raft/**': { lines: 95 },
        'src/shard/**': { lines: 95 },
      },
    },
  },
});
