import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/support/reporter.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
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
