import { defineConfig } from 'vitest/config';

/** Every test but the fault matrix, which has a configuration of its own because of its length. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/no-leaks.ts'],
    pool: 'forks',
    // real servers on two cores: more at once only makes each of them slower
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 60_000,
  },
});
