import { defineConfig } from 'vitest/config';

/** Tests with real processes: after the others and one file at a time, so that they have the machine to themselves. */
const withProcesses = ['test/e2e/**/*.test.ts', 'test/readme*.test.ts'];

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
          exclude: withProcesses,
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
          globalSetup: ['./test/e2e/build.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
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
